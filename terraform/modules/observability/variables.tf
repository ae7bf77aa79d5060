variable "name" {
  description = "Name of the cluster, which begins the alarms' names."
  type        = string
}

variable "account" {
  description = "AWS account whose services may write to the topic."
  type        = string
}

variable "databases" {
  description = "Names of the database instances to watch."
  type        = list(string)
}

variable "copies" {
  description = "What copies Odoo's files: DataSync's task, and the file system that AWS Backup saves."
  type        = object({ task_arn = string, file_system_arn = string })
}

variable "runbook" {
  description = "Address of the page that has a section for each alarm."
  type        = string
}

variable "emails" {
  description = "Who is told; each address has to confirm once."
  type        = list(string)

  validation {
    condition     = length(var.emails) > 0
    error_message = "An alarm that reaches nobody is none: give an address."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages."
  type        = string
}
