mock_provider "github" {
  override_during = plan

  mock_resource "github_team" {
    defaults = { id = "42" }
  }
}

override_data {
  target          = data.terraform_remote_state.bootstrap
  override_during = plan

  values = {
    outputs = {
      repository   = "tms-example/tms"
      region       = "ap-south-1"
      domain       = "tms.example"
      ecr_registry = "123456789012.dkr.ecr.ap-south-1.amazonaws.com"

      role_arns = {
        build                     = "arn:aws:iam::123456789012:role/tms-build"
        deploy-staging            = "arn:aws:iam::123456789012:role/tms-deploy-staging"
        deploy-production         = "arn:aws:iam::123456789012:role/tms-deploy-production"
        infrastructure-staging    = "arn:aws:iam::123456789012:role/tms-infrastructure-staging"
        infrastructure-production = "arn:aws:iam::123456789012:role/tms-infrastructure-production"
      }
    }
  }
}

variables {
  state_bucket       = "tms-terraform-state-123456789012"
  region             = "ap-south-1"
  adopt_repository   = false
  visibility         = "internal"
  alarm_emails       = ["oncall@tms.example"]
  administrator_arns = []

  members = {
    developers   = ["dev"]
    project-lead = ["anna"]
    devops-lead  = ["bela"]
  }
}

run "nothing_reaches_main_unchecked" {
  command = plan

  assert {
    condition = toset([
      for check in github_repository_ruleset.main.rules[0].required_status_checks[0].required_check : check.context
      ]) == toset([
      "pl-odoo-001 required", "pl-gps-001 required",
      "Repository checks", "System tests", "Lint the workflows", "Validate the infrastructure",
    ])
    error_message = "Both pipelines' required jobs have to pass, and the checks of what no pipeline looks at."
  }

  assert {
    condition = (
      github_repository_ruleset.main.rules[0].pull_request[0].require_code_owner_review &&
      github_repository_ruleset.main.rules[0].pull_request[0].required_approving_review_count >= 1 &&
      github_repository_ruleset.main.rules[0].pull_request[0].require_last_push_approval
    )
    error_message = "A code owner reviews what is merged, as it is merged."
  }

  assert {
    condition     = github_repository_ruleset.main.rules[0].non_fast_forward && github_repository_ruleset.main.rules[0].deletion
    error_message = "History is not rewritten."
  }

  assert {
    condition     = length(github_repository_ruleset.main.bypass_actors) == 0 && github_repository_ruleset.main.enforcement == "active"
    error_message = "The rules hold for everybody."
  }
}

run "a_version_stays_where_it_is" {
  command = plan

  assert {
    condition = (
      github_repository_ruleset.tags.rules[0].update && github_repository_ruleset.tags.rules[0].deletion &&
      github_repository_ruleset.tags.conditions[0].ref_name[0].include == tolist(["refs/tags/v*"]) &&
      length(github_repository_ruleset.tags.bypass_actors) == 0
    )
    error_message = "A released version's tag never moves."
  }
}

run "production_asks_the_leads" {
  command = plan

  assert {
    condition     = output.environments.production == ["project-lead", "devops-lead"]
    error_message = "The approvers are those of approvers.json, and the document names both leads."
  }

  assert {
    condition = alltrue([
      for name in ["production", "infrastructure-production", "infrastructure-staging"] :
      github_repository_environment.this[name].prevent_self_review &&
      !github_repository_environment.this[name].can_admins_bypass &&
      length(github_repository_environment.this[name].reviewers) == 1
    ])
    error_message = "Somebody else approves, and nobody gets past it."
  }
}

run "roles_are_reached_from_main_or_a_version_alone" {
  command = plan

  assert {
    condition = alltrue([
      for environment in github_repository_environment.this : environment.deployment_branch_policy[0].custom_branch_policies
    ])
    error_message = "Every environment says from where it is reached."
  }

  assert {
    condition = toset([
      for policy in github_repository_environment_deployment_policy.this : try(coalesce(policy.branch_pattern, policy.tag_pattern))
    ]) == toset(["main", "v*.*.*"])
    error_message = "Jobs of other branches get no role."
  }

  assert {
    condition = toset([
      for policy in github_repository_environment_deployment_policy.this : policy.branch_pattern
      if startswith(policy.environment, "infrastructure-")
    ]) == toset(["main"])
    error_message = "Infrastructure is applied from main."
  }
}

run "the_repository_stays_as_visible_as_it_is" {
  command = plan

  assert {
    condition     = github_repository.this.visibility == "internal"
    error_message = "Who sees the repository is said by who applies, and never by this code."
  }
}

run "the_pipelines_know_what_they_read" {
  command = plan

  assert {
    condition = toset(keys(github_actions_variable.this)) == toset([
      "AWS_BUILD_ROLE_ARN", "AWS_REGION", "ECR_REGISTRY",
      "SCAN_OWNERS", "STAGING_GPS_URL", "STAGING_ODOO_URL", "TF_INPUTS", "TF_STATE_BUCKET",
    ])
    error_message = "docs/pipelines.md lists these variables."
  }

  assert {
    condition     = github_actions_environment_variable.this["production/AWS_DEPLOY_ROLE_ARN"].value == "arn:aws:iam::123456789012:role/tms-deploy-production"
    error_message = "An environment's jobs assume that environment's role."
  }
}

run "one_person_alone_is_refused" {
  command = plan

  variables {
    members = {
      developers   = []
      project-lead = ["anna"]
      devops-lead  = ["anna"]
    }
  }

  expect_failures = [var.members]
}
