# An environment is what a job has to be in to assume a role, so its rules decide who gets there and from where.

locals {
  from_main             = { branches = ["main"], tags = [] }
  from_main_or_versions = { branches = ["main"], tags = ["v*.*.*"] }

  environments = {
    build                     = { from = local.from_main_or_versions, approvers = [] }
    staging                   = { from = local.from_main_or_versions, approvers = [] }
    production                = { from = local.from_main_or_versions, approvers = local.approvers }
    infrastructure-staging    = { from = local.from_main, approvers = local.approvers }
    infrastructure-production = { from = local.from_main, approvers = local.approvers }
  }

  policies = merge(flatten([
    for name, environment in local.environments : [
      { for branch in environment.from.branches : "${name}/${branch}" => { environment = name, branch = branch, tag = null } },
      { for tag in environment.from.tags : "${name}/${tag}" => { environment = name, branch = null, tag = tag } },
    ]
  ])...)
}

resource "github_repository_environment" "this" {
  for_each = local.environments

  repository          = github_repository.this.name
  environment         = each.key
  can_admins_bypass   = false
  prevent_self_review = length(each.value.approvers) > 0

  dynamic "reviewers" {
    for_each = length(each.value.approvers) > 0 ? [each.value.approvers] : []

    content {
      teams = [for team in reviewers.value : github_team.this[team].id]
    }
  }

  deployment_branch_policy {
    protected_branches     = false
    custom_branch_policies = true
  }

  depends_on = [github_team_repository.this]
}

resource "github_repository_environment_deployment_policy" "this" {
  for_each = local.policies

  repository     = github_repository.this.name
  environment    = github_repository_environment.this[each.value.environment].environment
  branch_pattern = each.value.branch
  tag_pattern    = each.value.tag
}
