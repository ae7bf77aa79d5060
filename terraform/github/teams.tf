# The teams that CODEOWNERS and approvers.json name.

locals {
  permissions = { developers = "push", project-lead = "maintain", devops-lead = "maintain" }

  memberships = merge([
    for team, logins in var.members : { for login in logins : "${team}/${login}" => { team = team, login = login } }
  ]...)
}

resource "github_team" "this" {
  for_each = local.permissions

  name    = each.key
  privacy = "closed"
}

resource "github_team_membership" "this" {
  for_each = local.memberships

  team_id  = github_team.this[each.value.team].id
  username = each.value.login
}

resource "github_team_repository" "this" {
  for_each = local.permissions

  team_id    = github_team.this[each.key].id
  repository = github_repository.this.name
  permission = each.value
}
