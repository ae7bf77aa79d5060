variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects."
  type        = string
}

variable "keep_old_versions_days" {
  description = "Days for which an overwritten or deleted object can be brought back."
  type        = number
  default     = 90
}

variable "delete_after_days" {
  description = "Days after which objects are deleted; null for never."
  type        = number
  default     = null
}

variable "archive_after_days" {
  description = "Days after which objects move to cheaper storage; null for never."
  type        = number
  default     = null
}
