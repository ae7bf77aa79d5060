variable "repository" {
  description = "GitHub repository, owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Give owner/name, without patterns."
  }
}

variable "repository_ids" {
  description = "GitHub's numbers of the repository's owner and of the repository, which the subjects of a repository made, renamed or moved since 2026-07-15 name; null for an older one."
  type        = object({ owner = number, repository = number })
}

variable "use_existing_provider" {
  description = "The account has an OIDC provider for GitHub already, which stays whose it is."
  type        = bool
  default     = false
}

variable "roles" {
  description = "Roles by name: the one GitHub environment whose jobs may assume it, and what it may do."
  type = map(object({
    purpose        = string
    environment    = string
    hours          = optional(number, 1)
    managed_policy = optional(string)
    statements = list(object({
      Sid         = string
      Effect      = string
      Action      = list(string)
      Resource    = optional(list(string))
      NotResource = optional(list(string))
      Condition   = optional(map(map(list(string))))
    }))
  }))

  validation {
    condition     = alltrue([for role in var.roles : can(regex("^[a-z-]+$", role.environment))])
    error_message = "A role's environment is one name, without patterns."
  }

  validation {
    condition = alltrue(flatten([
      for role in var.roles : [
        for statement in role.statements : [
          for action in statement.Action : !strcontains(action, "*")
        ] if statement.Effect == "Allow"
      ]
    ]))
    error_message = "A role is allowed actions by their names, without wildcards."
  }

  validation {
    condition = alltrue(flatten([
      for role in var.roles : [
        for statement in role.statements :
        statement.Effect == "Allow" ? statement.Resource != null && statement.NotResource == null
        : (statement.Resource == null) != (statement.NotResource == null)
      ]
    ]))
    error_message = "A statement names its resources; only a refusal may name all others."
  }

  validation {
    condition     = length(distinct([for role in var.roles : role.environment])) == length(var.roles)
    error_message = "Two roles with one subject are one role: give each an environment of its own."
  }
}
