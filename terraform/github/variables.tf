variable "state_bucket" {
  description = "Bucket of Terraform's state, which terraform/bootstrap named."
  type        = string
}

variable "region" {
  description = "AWS region of that bucket."
  type        = string
}

variable "adopt_repository" {
  description = "The repository is there already, with this code in it, and is taken over."
  type        = bool
  default     = true
}

variable "visibility" {
  description = "Who sees the repository: private, internal or public. No default: an apply must not publish it, or hide it."
  type        = string

  validation {
    condition     = contains(["private", "internal", "public"], var.visibility)
    error_message = "Say private, internal or public, as the repository is."
  }
}

variable "members" {
  description = "GitHub logins of each team's members; either lead approves, never who started the run."
  type = object({
    developers   = set(string)
    project-lead = set(string)
    devops-lead  = set(string)
  })

  validation {
    condition     = alltrue([for team in ["project-lead", "devops-lead"] : length(var.members[team]) > 0])
    error_message = "Each lead's team needs a member: nobody else can approve production."
  }

  validation {
    condition     = length(setunion(var.members.project-lead, var.members.devops-lead)) > 1
    error_message = "Two people at least: who starts a run may not approve it."
  }
}

variable "alarm_emails" {
  description = "Who is told when something is wrong, as the environments' pipeline passes it on."
  type        = list(string)
}

variable "administrator_arns" {
  description = "IAM roles of the people who may do everything in the clusters."
  type        = list(string)
}

variable "secret_scanning" {
  description = "GitHub scans for secrets and refuses pushes with one; a private repository needs GitHub Advanced Security."
  type        = bool
  default     = true
}
