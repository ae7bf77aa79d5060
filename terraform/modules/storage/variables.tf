variable "name" {
  description = "Begins the names of everything in it."
  type        = string
}

variable "account" {
  description = "AWS account, which makes the buckets' names unique."
  type        = string
}

variable "vpc_id" {
  description = "Network from which files are mounted."
  type        = string
}

variable "subnet_ids" {
  description = "One subnet in each of three zones."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Group whose members may mount the files."
  type        = string
}

variable "odoo_user_id" {
  description = "User and group of Odoo's pods, as their manifests say."
  type        = number
  default     = 10001
}

variable "kms_key_arn" {
  description = "Key that encrypts files and objects."
  type        = string
}

variable "copy_subnet_arn" {
  description = "ARN of a subnet from which the copy reads the files."
  type        = string
}

variable "copy_schedule" {
  description = "When the files are copied to S3, as DataSync writes it; once an hour is the most it does."
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
