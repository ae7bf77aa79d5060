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
