# What the workflows read as `vars`. Nothing here is a secret: no secret is stored on GitHub.

locals {
  repository_variables = {
    AWS_REGION         = local.bootstrap.region
    AWS_BUILD_ROLE_ARN = local.bootstrap.role_arns["build"]
    ECR_REGISTRY       = local.bootstrap.ecr_registry
    SCAN_OWNERS        = join(",", var.members["devops-lead"])
    STAGING_ODOO_URL   = "https://staging.${local.bootstrap.domain}"
    STAGING_GPS_URL    = "https://gps.staging.${local.bootstrap.domain}"
    TF_STATE_BUCKET    = var.state_bucket
    TF_INPUTS = jsonencode({
      region             = local.bootstrap.region
      domain             = local.bootstrap.domain
      repository         = local.bootstrap.repository
      alarm_emails       = var.alarm_emails
      administrator_arns = var.administrator_arns
    })
  }

  environment_variables = merge([
    for name in ["staging", "production"] : {
      "${name}/AWS_DEPLOY_ROLE_ARN"                        = local.bootstrap.role_arns["deploy-${name}"]
      "${name}/EKS_CLUSTER"                                = "tms-${name}"
      "infrastructure-${name}/AWS_INFRASTRUCTURE_ROLE_ARN" = local.bootstrap.role_arns["infrastructure-${name}"]
    }
  ]...)
}

resource "github_actions_variable" "this" {
  for_each = local.repository_variables

  repository    = github_repository.this.name
  variable_name = each.key
  value         = each.value
}

resource "github_actions_environment_variable" "this" {
  for_each = local.environment_variables

  repository    = github_repository.this.name
  environment   = github_repository_environment.this[split("/", each.key)[0]].environment
  variable_name = split("/", each.key)[1]
  value         = each.value
}
