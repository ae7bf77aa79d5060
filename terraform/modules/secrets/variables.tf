variable "environment" {
  description = "staging or production."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the values."
  type        = string
}
