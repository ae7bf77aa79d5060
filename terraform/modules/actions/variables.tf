variable "owner" {
  description = "Organisation of the repository."
  type        = string
}

variable "repository" {
  description = "Name of the repository, without its owner."
  type        = string
}
