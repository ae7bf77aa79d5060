variable "cluster_name" {
  description = "The cluster."
  type        = string
}

variable "cluster_endpoint" {
  description = "Address of its API, which another cluster of the same name has not."
  type        = string
}

variable "environment" {
  description = "Folder of monitoring/ that is applied: staging or production."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "repository_url" {
  description = "Address of the repository's files, with a slash at its end: alerts name their runbook below it."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Topic whose subscribers are told of alerts."
  type        = string
}

variable "heartbeat_topic_arn" {
  description = "Topic that Alertmanager writes to as long as it and Prometheus work."
  type        = string
}

variable "metrics_gb" {
  description = "Disk of Prometheus, in GB; what does not fit is dropped, the oldest first."
  type        = number
}

variable "log_days" {
  description = "Days for which the pods' logs are kept."
  type        = number
}

variable "token_issuer" {
  description = "The cluster's token issuer, as AWS knows it."
  type        = object({ provider_arn = string, host = string })
}

variable "kms_key_arn" {
  description = "Key that encrypts logs and messages."
  type        = string
}

variable "role_path" {
  description = "Path of the roles made here."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The most that the roles made here can do."
  type        = string
}
