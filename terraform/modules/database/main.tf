# One PostgreSQL. Its administrator's password is made, kept and rotated by RDS in Secrets Manager: no person and no
# pod of the application uses it. The application's own role is made by modules/database_roles.

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-database"
  description = "PostgreSQL from the cluster's pods"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from the cluster's pods"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "postgres16"

  # A connection without TLS is refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Made before RDS makes them: statements hold what drivers did, and RDS' own groups are not encrypted and never end.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

# Makes the last snapshot's name one that no database before it has used: RDS refuses to delete into a name twice.
resource "terraform_data" "final_snapshot" {}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_161:Odoo and the service log in with a password of their own role; IAM tokens last 15 minutes
  #checkov:skip=CKV_AWS_157:staging runs in one zone, on purpose; a test holds production to several
  #checkov:skip=CKV_AWS_293:staging may be taken down; a test holds production to its protection
  identifier = var.name
  engine     = "postgres"
  # The major version alone: RDS withdraws minor ones, and then nothing could be made from nothing.
  engine_version = "16"
  instance_class = var.instance_class
  port           = 5432
  multi_az       = var.multi_az

  storage_type          = "gp3"
  allocated_storage     = var.storage_gb
  max_allocated_storage = var.storage_gb * 5
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  username                      = "tms_administrator"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # Point-in-time recovery: RDS ships the log every five minutes, which is the RPO as long as backups are kept.
  backup_retention_period  = var.backup_days
  backup_window            = "20:00-21:00"
  maintenance_window       = "sun:21:30-sun:22:30"
  delete_automated_backups = false
  copy_tags_to_snapshot    = true

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final-${terraform_data.final_snapshot.id}"

  auto_minor_version_upgrade            = true
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = var.monitoring_role_arn
  enabled_cloudwatch_logs_exports       = keys(aws_cloudwatch_log_group.this)

  lifecycle {
    # RDS upgrades minor versions by itself.
    ignore_changes = [engine_version]
  }
}

resource "aws_secretsmanager_secret_rotation" "administrator" {
  secret_id          = aws_db_instance.this.master_user_secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = 30
  }
}
