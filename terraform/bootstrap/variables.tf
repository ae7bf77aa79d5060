variable "region" {
  description = "AWS region of everything, such as ap-south-1."
  type        = string
}

variable "repository" {
  description = "GitHub repository whose jobs may assume the roles, owner/name."
  type        = string
}

variable "repository_ids" {
  description = "GitHub's numbers of the repository's owner and of the repository, which the subjects of a repository made, renamed or moved since 2026-07-15 name; null for an older one."
  type        = object({ owner = number, repository = number })
  default     = null
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
