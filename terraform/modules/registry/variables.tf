variable "components" {
  description = "Names of the images, each of which gets a repository of this name."
  type        = set(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts images and layers."
  type        = string
}
