variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "vpc_id" {
  description = "Network of the instance."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without a way out, in at least two zones."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Group whose members may connect."
  type        = string
}

variable "instance_class" {
  description = "RDS instance class."
  type        = string
}

variable "storage_gb" {
  description = "Storage in GB; it grows by itself up to five times of it."
  type        = number
}

variable "multi_az" {
  description = "A standby in another zone takes over."
  type        = bool
}

variable "backup_days" {
  description = "Days to which the database can be restored, to any moment of them."
  type        = number

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Without backups there is no point-in-time recovery, and an RPO of 15 minutes needs it: 7 to 35 days."
  }
}

variable "log_days" {
  description = "Days for which the database's logs are kept."
  type        = number
}

variable "deletion_protection" {
  description = "The database cannot be deleted by an apply."
  type        = bool
}

variable "monitoring_role_arn" {
  description = "Role with which RDS writes the operating system's figures."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts data, backups, figures and the administrator's password."
  type        = string
}
