variable "cluster_name" {
  description = "The cluster."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "database_addresses" {
  description = "Host names of the databases, by component."
  type        = object({ odoo = string, gps = string })
}

variable "database_ca" {
  description = "Certificates of the authorities that sign the databases' own, PEM."
  type        = string
}

variable "administrator_arns" {
  description = "Secrets with the administrators' names and passwords, by component."
  type        = object({ odoo = string, gps = string })
}

variable "passwords_arn" {
  description = "Secret with the passwords of the applications' roles; once it has values."
  type        = string
}

variable "round" {
  description = "Raise it to set the passwords again, after a new one was put into Secrets Manager."
  type        = number
  default     = 1
}

variable "image" {
  description = "An image with psql of the databases' major version."
  type        = string
  default     = "public.ecr.aws/docker/library/postgres:16"
}

variable "token_issuer" {
  description = "The cluster's token issuer, as AWS knows it."
  type        = object({ provider_arn = string, host = string })
}

variable "kms_key_arn" {
  description = "Key that encrypts the secrets."
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
