variable "region" {
  description = "AWS region."
  type        = string
}

variable "domain" {
  description = "Domain given to terraform/bootstrap."
  type        = string
}

variable "repository" {
  description = "GitHub repository given to terraform/bootstrap, owner/name."
  type        = string
}

variable "alarm_emails" {
  description = "Who is told when something is wrong; each address has to confirm once."
  type        = list(string)
}

variable "administrator_arns" {
  description = "IAM roles of the people who may do everything in the cluster; whoever applies this by hand is one."
  type        = list(string)
  default     = []
}

variable "password_round" {
  description = "Raise it to set the databases' passwords to what Secrets Manager holds."
  type        = number
  default     = 1
}
