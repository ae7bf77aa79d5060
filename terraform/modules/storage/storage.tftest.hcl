mock_provider "aws" {
  override_during = plan

  mock_resource "aws_efs_file_system" {
    defaults = { id = "fs-1", arn = "arn:aws:elasticfilesystem:ap-south-1:123456789012:file-system/fs-1" }
  }
}

variables {
  name                     = "tms-test"
  account                  = "123456789012"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-a", "subnet-b", "subnet-c"]
  client_security_group_id = "sg-pods"
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/test"
  copy_schedule            = "cron(0 * * * ? *)"
  copy_subnet_arn          = "arn:aws:ec2:ap-south-1:123456789012:subnet/subnet-a"
  role_path                = "/tms/test/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"
}

run "files_are_encrypted_backed_up_and_in_every_zone" {
  command = plan

  assert {
    condition     = aws_efs_file_system.this.encrypted && aws_efs_backup_policy.this.backup_policy[0].status == "ENABLED"
    error_message = "Files are encrypted, and backed up every day."
  }

  assert {
    condition     = length(aws_efs_mount_target.this) == 3
    error_message = "A pod mounts them from its own zone."
  }
}

run "mounting_takes_tls" {
  command = plan

  assert {
    condition = one([
      for s in jsondecode(aws_efs_file_system_policy.this.policy).Statement : s.Condition.Bool["aws:SecureTransport"]
      if s.Effect == "Deny"
    ]) == "false"
    error_message = "A mount without TLS is denied."
  }
}

run "odoo_owns_its_files" {
  command = plan

  assert {
    condition     = aws_efs_access_point.odoo.posix_user[0].uid == 10001
    error_message = "The manifests run Odoo as user 10001."
  }
}

run "a_copy_goes_to_s3_as_often_as_was_said" {
  command = plan

  assert {
    condition     = aws_datasync_task.copy.schedule[0].schedule_expression == "cron(0 * * * ? *)"
    error_message = "How often files are copied is how much of them a loss takes."
  }

  assert {
    condition     = aws_datasync_location_efs.odoo.in_transit_encryption == "TLS1_2"
    error_message = "The file system refuses a mount without TLS."
  }
}

run "positions_are_not_kept_without_an_end" {
  command = plan

  assert {
    condition     = { for id, days in module.archive.lifecycle : id => tolist(days) } == { archive = tolist([30]), end = tolist([1096]) }
    error_message = "The archive moves to cheaper storage after a month and ends after three years."
  }

  assert {
    condition     = length(module.attachments.lifecycle) == 0
    error_message = "What Odoo still names stays."
  }
}
