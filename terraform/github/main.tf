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
  #checkov:skip=CKV_GIT_1:who applies says how visible the repository is; a default would publish or hide one
  name                   = local.name
  description            = "Transport management system"
  visibility             = var.visibility
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

module "actions" {
  source = "../modules/actions"

  owner      = local.owner
  repository = github_repository.this.name
}
