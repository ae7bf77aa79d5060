# GitHub's jobs get short-lived credentials, each job the role of its purpose. The subject names one repository and
# one GitHub environment, in full: who may start a job there is decided by that environment's rules.

locals {
  issuer   = "token.actions.githubusercontent.com"
  audience = "sts.amazonaws.com"

  # A name that somebody else takes over has another number.
  names      = split("/", var.repository)
  repository = var.repository_ids == null ? var.repository : "${local.names[0]}@${var.repository_ids.owner}/${local.names[1]}@${var.repository_ids.repository}"

  provider_arn = one(concat(aws_iam_openid_connect_provider.github[*].arn, data.aws_iam_openid_connect_provider.github[*].arn))
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.use_existing_provider ? 0 : 1

  url            = "https://${local.issuer}"
  client_id_list = [local.audience]
}

# An account has one for an issuer. One that is there belongs to somebody else, who may change or delete it.
data "aws_iam_openid_connect_provider" "github" {
  count = var.use_existing_provider ? 1 : 0

  url = "https://${local.issuer}"

  lifecycle {
    postcondition {
      condition     = contains(self.client_id_list, local.audience)
      error_message = "GitHub's OIDC provider of this account does not know the audience sts.amazonaws.com: add it there."
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = var.roles

  name                 = "tms-${each.key}"
  description          = each.value.purpose
  max_session_duration = each.value.hours * 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = local.audience
          "${local.issuer}:sub" = "repo:${local.repository}:environment:${each.value.environment}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = var.roles

  name = "purpose"
  role = aws_iam_role.this[each.key].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in each.value.statements : { for key, value in statement : key => value if value != null }
    ]
  })

  lifecycle {
    postcondition {
      condition     = length(self.policy) <= 10240
      error_message = "AWS takes at most 10,240 characters of a role's own policies: shorten the statements."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = { for name, role in var.roles : name => role.managed_policy if role.managed_policy != null }

  role       = aws_iam_role.this[each.key].name
  policy_arn = each.value
}
