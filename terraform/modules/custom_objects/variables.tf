variable "name" {
  description = "Name of the release."
  type        = string
}

variable "namespace" {
  description = "Namespace that the release is recorded in."
  type        = string
}

variable "objects" {
  description = "Whole objects, as the cluster's API takes them."
  type        = any
}
