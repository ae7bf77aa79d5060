# GitHub's jobs get short-lived credentials, each job the role of its purpose. The subject names one repository and
# one GitHub environment, in full: who may start a job there is decided by that environment's rules.

locals {
  issuer = "token.actions.githubusercontent.com"
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
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
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "repo:${var.repository}:environment:${each.value.environment}"
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
