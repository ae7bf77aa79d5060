variable "environment" {
  description = "staging or production."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The pipelines know staging and production."
  }
}

variable "domain" {
  description = "Domain of the zone that terraform/bootstrap made."
  type        = string
}

variable "repository" {
  description = "GitHub repository, owner/name: alarms link to its runbooks."
  type        = string
}

variable "administrator_arns" {
  description = "IAM roles besides the pipeline's that may do everything in the cluster."
  type        = list(string)
}

variable "alarm_emails" {
  description = "Who is told when something is wrong."
  type        = list(string)
}

variable "cidr" {
  description = "Addresses of the network, a /16."
  type        = string
}

variable "one_nat_gateway" {
  description = "One way out instead of one in each zone."
  type        = bool
}

variable "node_type" {
  description = "EC2 instance type of the nodes."
  type        = string
}

variable "node_zones" {
  description = "Zones that have nodes, two or three."
  type        = number

  validation {
    condition     = contains([2, 3], var.node_zones)
    error_message = "Nodes in one zone are gone with it, and there are subnets in three."
  }
}

variable "nodes_per_zone" {
  description = "Fewest and most nodes of each zone; the autoscaler chooses between."
  type        = object({ min = number, max = number })

  validation {
    condition     = var.nodes_per_zone.min >= 1 && var.nodes_per_zone.max > var.nodes_per_zone.min
    error_message = "Each zone keeps a node, for the volumes in it, and has room for more."
  }
}

variable "databases" {
  description = "Size of each component's database."
  type = object({
    odoo = object({ instance_class = string, storage_gb = number })
    gps  = object({ instance_class = string, storage_gb = number })
  })
}

variable "multi_az" {
  description = "The databases have a standby in another zone."
  type        = bool
}

variable "backup_days" {
  description = "Days to which the databases can be restored."
  type        = number
}

variable "files_copied" {
  description = "When Odoo's files are copied to S3, as DataSync writes it: what a loss may take of them."
  type        = string
}

variable "protected" {
  description = "Cluster and databases cannot be deleted by an apply."
  type        = bool
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "metrics_gb" {
  description = "Disk of Prometheus, in GB."
  type        = number
}

variable "password_round" {
  description = "Raise it to set the databases' passwords to what Secrets Manager holds."
  type        = number
  default     = 1
}
