# The entries of Secrets Manager, without their values: those are made on the machine that applies, straight into
# Secrets Manager, and never are in Terraform's state. An entry that has a value keeps it: rotation is a runbook.

locals {
  entries = toset(["odoo", "gps", "database"])
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:both sides of a key change in steps (docs/runbooks/secret-rotation.md), which no function knows
  for_each = local.entries

  name                    = "tms/${var.environment}/${each.key}"
  description             = "What ${each.key} of ${var.environment} needs to know"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}

resource "terraform_data" "values" {
  triggers_replace = [for name in sort(keys(aws_secretsmanager_secret.this)) : aws_secretsmanager_secret.this[name].id]

  provisioner "local-exec" {
    command = "python3 -m delivery.infrastructure.secret_values ${var.environment} --region ${var.region}"

    environment = {
      PYTHONPATH = abspath("${path.module}/../../../delivery/src")
    }
  }
}
