# The repository: who may change it, what has to pass before, and what its pipelines know.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

locals {
  bootstrap = data.terraform_remote_state.bootstrap.outputs
  owner     = split("/", local.bootstrap.repository)[0]
  name      = split("/", local.bootstrap.repository)[1]

  # The gate of a local run reads the same file.
  approvers = jsondecode(file("${path.module}/../../.github/approvers.json")).production.approvers
}

import {
  for_each = var.adopt_repository ? toset([local.name]) : toset([])

  to = github_repository.this
  id = each.key
}

resource "github_repository" "this" {
  name                   = local.name
  description            = "Transport management system"
  visibility             = "private"
  has_issues             = true
  allow_merge_commit     = false
  allow_rebase_merge     = false
  allow_squash_merge     = true
  delete_branch_on_merge = true
  vulnerability_alerts   = true
  archive_on_destroy     = true

  dynamic "security_and_analysis" {
    for_each = var.secret_scanning ? ["enabled"] : []

    content {
      secret_scanning {
        status = security_and_analysis.value
      }

      secret_scanning_push_protection {
        status = security_and_analysis.value
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Which actions may run. That they are pinned by commit cannot be asked for with this version of the provider:
# ../README.md has the command, and the repository's own checks refuse what is not pinned.
resource "github_actions_repository_permissions" "this" {
  repository      = github_repository.this.name
  enabled         = true
  allowed_actions = "selected"

  allowed_actions_config {
    github_owned_allowed = true
    verified_allowed     = false
    patterns_allowed = [
      "aws-actions/amazon-ecr-login@*",
      "aws-actions/configure-aws-credentials@*",
      "hashicorp/setup-terraform@*",
    ]
  }
}

resource "github_workflow_repository_permissions" "this" {
  repository                       = github_repository.this.name
  default_workflow_permissions     = "read"
  can_approve_pull_request_reviews = false
}
