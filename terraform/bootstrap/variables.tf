variable "region" {
  description = "AWS region of everything, such as ap-south-1."
  type        = string
}

variable "repository" {
  description = "GitHub repository whose jobs may assume the roles, owner/name."
  type        = string
}

variable "use_existing_oidc_provider" {
  description = "The account has an OIDC provider for token.actions.githubusercontent.com already."
  type        = bool
  default     = false
}

variable "domain" {
  description = "Domain below which the environments answer; its registrar has to delegate it to the zone made here."
  type        = string
}
