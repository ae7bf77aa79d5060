mock_provider "github" {
  override_during = plan
}

variables {
  owner      = "tms-example"
  repository = "tms"
}

run "workflows_start_with_little" {
  command = plan

  assert {
    condition = (
      github_workflow_repository_permissions.this.default_workflow_permissions == "read" &&
      !github_workflow_repository_permissions.this.can_approve_pull_request_reviews &&
      github_actions_repository_permissions.this.allowed_actions == "selected"
    )
    error_message = "A workflow reads unless it says more, runs known actions, and approves nothing."
  }
}

run "actions_have_to_be_pinned_by_commit" {
  command = plan

  assert {
    condition = (
      strcontains(local.pin_actions, "delivery.infrastructure.action_pinning tms-example/tms") &&
      terraform_data.action_pinning.triggers_replace[0] == "tms-example/tms"
    )
    error_message = "GitHub itself refuses an action that is named by tag."
  }
}
