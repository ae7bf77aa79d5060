variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "environment" {
  description = "staging or production, as tags say it."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes; nodes and EKS's add-ons follow it."
  type        = string
  default     = "1.35"
}

variable "subnet_ids" {
  description = "Private subnets of nodes and pods."
  type        = list(string)
}

variable "endpoint_cidrs" {
  description = "Addresses from which the API can be reached; IAM guards it anyway."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "node_type" {
  description = "EC2 instance type of the nodes."
  type        = string
}

variable "node_zones" {
  description = "Zones that have nodes, two or three."
  type        = number
}

variable "nodes_per_zone" {
  description = "Fewest and most nodes of each zone; the autoscaler chooses between."
  type        = object({ min = number, max = number })
}

variable "deletion_protection" {
  description = "The cluster cannot be deleted by an apply."
  type        = bool
}

variable "administrator_arns" {
  description = "IAM roles that may do everything in the cluster: who applies this, and who is called at night."
  type        = list(string)

  validation {
    condition     = length(var.administrator_arns) > 0 && alltrue([for arn in var.administrator_arns : can(regex("^arn:aws:iam::[0-9]{12}:role/", arn))])
    error_message = "Name at least one IAM role by its ARN: without one nobody can enter the cluster."
  }
}

variable "deployer_arn" {
  description = "The pipeline's role, which may deploy into the namespace."
  type        = string
}

variable "deployer_group" {
  description = "Kubernetes group of the pipeline's role."
  type        = string
}

variable "namespace" {
  description = "The namespace that the pipeline deploys into."
  type        = string
}

variable "log_days" {
  description = "Days for which the control plane's logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "Key that wraps the cluster's Secrets and encrypts its logs."
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
