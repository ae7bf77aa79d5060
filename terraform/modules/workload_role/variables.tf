variable "name" {
  description = "Ends the role's name."
  type        = string
}

variable "cluster_name" {
  description = "Cluster whose pods may assume the role."
  type        = string
}

variable "namespace" {
  description = "Namespace of the service account."
  type        = string
}

variable "service_account" {
  description = "The one service account that may assume the role."
  type        = string
}

variable "statements" {
  description = "What the role may do; actions by their names."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
  default = []

  validation {
    condition     = alltrue(flatten([for s in var.statements : [for action in s.Action : !strcontains(action, "*")]]))
    error_message = "A role is allowed actions by their names, without wildcards."
  }
}

variable "managed_policy_arn" {
  description = "A policy of AWS's own for exactly this purpose."
  type        = string
  default     = null
}

variable "token_issuer" {
  description = "The cluster's token issuer, for credentials that are asked for in the account's name; else Pod Identity."
  type        = object({ provider_arn = string, host = string })
  default     = null
}

variable "associated_by_addon" {
  description = "An EKS add-on ties the role to its service account itself."
  type        = bool
  default     = false
}

variable "role_path" {
  description = "Path of the role."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The most that the role can do."
  type        = string
}
