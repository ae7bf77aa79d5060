variable "namespace" {
  description = "Namespace of the overlays."
  type        = string
}

variable "cluster_name" {
  description = "The cluster."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "database_addresses" {
  description = "Host names of the databases."
  type        = object({ odoo = string, gps = string })
}

variable "database_ca" {
  description = "Certificates of the authorities that sign the databases' own, PEM."
  type        = string
}

variable "odoo_volume" {
  description = "Odoo's files as the EFS CSI driver names them."
  type        = string
}

variable "secret_arns" {
  description = "Entries of Secrets Manager, by name; once they have values."
  type        = map(string)
}

variable "archive_arn" {
  description = "Bucket of what is kept for years."
  type        = string
}

variable "deployer_group" {
  description = "Kubernetes group of the pipeline's role."
  type        = string
}

variable "token_issuer" {
  description = "The cluster's token issuer, as AWS knows it."
  type        = object({ provider_arn = string, host = string })
}

variable "kms_key_arn" {
  description = "Key that encrypts the entries."
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
