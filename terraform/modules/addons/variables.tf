variable "cluster_name" {
  description = "The cluster."
  type        = string
}

variable "environment" {
  description = "staging or production, as tags say it."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account" {
  description = "AWS account."
  type        = string
}

variable "vpc_id" {
  description = "Network of the cluster."
  type        = string
}

variable "host" {
  description = "Host of the environment; what external-dns writes is this name or below it."
  type        = string
}

variable "zone_id" {
  description = "Zone that holds it."
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
