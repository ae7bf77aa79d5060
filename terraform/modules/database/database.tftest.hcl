mock_provider "aws" {
  override_during = plan

  mock_resource "aws_db_instance" {
    defaults = {
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:rds!db-1" }]
    }
  }
}

variables {
  name                     = "tms-test-odoo"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-a", "subnet-b", "subnet-c"]
  client_security_group_id = "sg-pods"
  instance_class           = "db.m6g.large"
  storage_gb               = 50
  multi_az                 = true
  backup_days              = 35
  deletion_protection      = true
  monitoring_role_arn      = "arn:aws:iam::123456789012:role/monitoring"
  log_days                 = 30
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/test"
}

run "it_is_not_public" {
  command = plan

  assert {
    condition     = aws_db_instance.this.publicly_accessible == false
    error_message = "The database has no public address."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == "sg-pods" &&
      aws_vpc_security_group_ingress_rule.this.cidr_ipv4 == null &&
      aws_vpc_security_group_ingress_rule.this.from_port == 5432 &&
      aws_vpc_security_group_ingress_rule.this.to_port == 5432
    )
    error_message = "The cluster's pods connect, to PostgreSQL, and nobody else."
  }
}

run "it_is_postgresql_16_over_tls" {
  command = plan

  assert {
    condition     = aws_db_instance.this.engine_version == "16" && aws_db_instance.this.engine == "postgres"
    error_message = "The system is written for PostgreSQL 16, of which AWS chooses the minor version: it withdraws old ones."
  }

  assert {
    condition     = contains([for p in aws_db_parameter_group.this.parameter : "${p.name}=${p.value}"], "rds.force_ssl=1")
    error_message = "A connection without TLS is refused."
  }
}

run "its_data_is_encrypted_and_outlives_it" {
  command = plan

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn
    error_message = "Data is encrypted with a key of ours."
  }

  assert {
    condition     = !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "A deleted database leaves a snapshot and its backups."
  }
}

run "its_last_snapshot_has_a_name_of_its_own" {
  command = plan

  override_resource {
    target          = terraform_data.final_snapshot
    override_during = plan
    values          = { id = "0f1e2d3c" }
  }

  assert {
    condition     = aws_db_instance.this.final_snapshot_identifier == "tms-test-odoo-final-0f1e2d3c"
    error_message = "A database that is made and deleted again finds the name of its last snapshot taken."
  }
}

run "its_password_is_managed_and_rotated" {
  command = plan

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "The administrator's password is in Secrets Manager and nowhere else."
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.administrator.rotation_rules[0].automatically_after_days == 30
    error_message = "It changes every month."
  }
}

run "without_backups_it_is_refused" {
  command = plan

  variables {
    backup_days = 0
  }

  expect_failures = [var.backup_days]
}

run "its_logs_are_encrypted_and_end_at_some_time" {
  command = plan

  assert {
    condition = alltrue([
      for group in aws_cloudwatch_log_group.this : group.retention_in_days == 30 && group.kms_key_id == var.kms_key_arn
    ]) && toset(aws_db_instance.this.enabled_cloudwatch_logs_exports) == toset(keys(aws_cloudwatch_log_group.this))
    error_message = "Every log that RDS ships goes to a group of ours."
  }
}
