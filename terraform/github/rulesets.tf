locals {
  # The app that reports the checks of workflows: a check of this name by anybody else does not count.
  github_actions_app = 15368
  leads              = ["project-lead", "devops-lead"]
  # Jobs that run on every pull request: a required check that does not report holds a merge for ever.
  required_checks = toset([
    "pl-odoo-001 required",
    "pl-gps-001 required",
    "Repository checks",
    "System tests",
    "Lint the workflows",
    "Validate the infrastructure",
  ])
}

resource "github_repository_ruleset" "main" {
  name        = "main"
  repository  = github_repository.this.name
  target      = "branch"
  enforcement = "active"

  conditions {
    ref_name {
      include = ["~DEFAULT_BRANCH"]
      exclude = []
    }
  }

  rules {
    deletion                = true
    non_fast_forward        = true
    required_linear_history = true

    pull_request {
      required_approving_review_count   = 1
      require_code_owner_review         = true
      require_last_push_approval        = true
      dismiss_stale_reviews_on_push     = true
      required_review_thread_resolution = true
    }

    required_status_checks {
      strict_required_status_checks_policy = true

      dynamic "required_check" {
        for_each = local.required_checks

        content {
          context        = required_check.value
          integration_id = local.github_actions_app
        }
      }
    }
  }
}

# A version is tagged by a lead ...
resource "github_repository_ruleset" "tagging" {
  name        = "versions are tagged by a lead"
  repository  = github_repository.this.name
  target      = "tag"
  enforcement = "active"

  conditions {
    ref_name {
      include = ["refs/tags/v*"]
      exclude = []
    }
  }

  dynamic "bypass_actors" {
    for_each = local.leads

    content {
      actor_id    = github_team.this[bypass_actors.value].id
      actor_type  = "Team"
      bypass_mode = "always"
    }
  }

  rules {
    creation = true
  }
}

# ... and stays where it is, whoever wants to move it.
resource "github_repository_ruleset" "tags" {
  name        = "versions stay"
  repository  = github_repository.this.name
  target      = "tag"
  enforcement = "active"

  conditions {
    ref_name {
      include = ["refs/tags/v*"]
      exclude = []
    }
  }

  rules {
    deletion         = true
    non_fast_forward = true
    update           = true
  }
}
