variable "name" {
  description = "Begins the names of everything in it, such as tms-staging."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network, a /16."
  type        = string

  validation {
    condition     = endswith(var.cidr, "/16") && can(cidrhost(var.cidr, 0))
    error_message = "Give a /16, such as 10.10.0.0/16."
  }
}

variable "one_nat_gateway" {
  description = "One way out and one zone of endpoints instead of three: cheaper, and gone with its zone."
  type        = bool
}

variable "log_days" {
  description = "Days for which flow logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that encrypts the logs."
  type        = string
}

variable "role_path" {
  description = "Path of the roles made here."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The most that roles made here can do."
  type        = string
}
