mock_provider "aws" {
  override_during = plan
}

variables {
  environment = "test"
  region      = "ap-south-1"
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/test"
}

run "each_component_has_its_entry" {
  command = plan

  assert {
    condition     = toset([for secret in aws_secretsmanager_secret.this : secret.name]) == toset(["tms/test/odoo", "tms/test/gps", "tms/test/database"])
    error_message = "The manifests and the pipelines name these entries."
  }

  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.kms_key_arn])
    error_message = "Values are encrypted with a key of ours."
  }
}
