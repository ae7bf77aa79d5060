# What GitHub's workflows may run, and with which rights they begin.

# Which actions may run.
resource "github_actions_repository_permissions" "this" {
  repository      = var.repository
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

# That they are pinned by commit cannot be asked for with this version of the provider, which takes it back with
# everything it sets itself: so it is asked for after that, each time.
locals {
  pin_actions = "python3 -m delivery.infrastructure.action_pinning ${var.owner}/${var.repository}"
}

resource "terraform_data" "action_pinning" {
  triggers_replace = ["${var.owner}/${var.repository}", local.pin_actions]

  provisioner "local-exec" {
    command = local.pin_actions

    environment = {
      PYTHONPATH = abspath("${path.module}/../../../delivery/src")
    }
  }

  lifecycle {
    replace_triggered_by = [github_actions_repository_permissions.this]
  }

  depends_on = [github_actions_repository_permissions.this]
}

resource "github_workflow_repository_permissions" "this" {
  repository                       = var.repository
  default_workflow_permissions     = "read"
  can_approve_pull_request_reviews = false
}
