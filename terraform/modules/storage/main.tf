# Files: EFS is what Odoo's pods share, S3 holds its copy and what has to be kept for years.

resource "aws_efs_file_system" "this" {
  creation_token   = var.name
  encrypted        = true
  kms_key_id       = var.kms_key_arn
  throughput_mode  = "elastic"
  performance_mode = "generalPurpose"

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }

  lifecycle_policy {
    transition_to_primary_storage_class = "AFTER_1_ACCESS"
  }

  tags = { Name = var.name }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_efs_backup_policy" "this" {
  file_system_id = aws_efs_file_system.this.id

  backup_policy {
    status = "ENABLED"
  }
}

# Whoever mounts it does so with TLS, and not as root.
resource "aws_efs_file_system_policy" "this" {
  file_system_id = aws_efs_file_system.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "MountFromTheNetwork"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        Resource  = aws_efs_file_system.this.arn
        Condition = { Bool = { "elasticfilesystem:AccessedViaMountTarget" = "true" } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "*"
        Resource  = aws_efs_file_system.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

# Everything that Odoo writes belongs to its user, whoever mounts it.
resource "aws_efs_access_point" "odoo" {
  file_system_id = aws_efs_file_system.this.id

  posix_user {
    uid = var.odoo_user_id
    gid = var.odoo_user_id
  }

  root_directory {
    path = "/odoo"

    creation_info {
      owner_uid   = var.odoo_user_id
      owner_gid   = var.odoo_user_id
      permissions = "750"
    }
  }

  tags = { Name = "${var.name}-odoo" }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-files"
  description = "NFS from the cluster's nodes and pods"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-files" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "NFS from the cluster's nodes and pods"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}

resource "aws_efs_mount_target" "this" {
  count = 3

  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = var.subnet_ids[count.index]
  security_groups = [aws_security_group.this.id]
}

module "attachments" {
  source = "../bucket"

  name        = "${var.name}-attachments-${var.account}"
  kms_key_arn = var.kms_key_arn
}

module "archive" {
  source = "../bucket"

  name               = "${var.name}-archive-${var.account}"
  kms_key_arn        = var.kms_key_arn
  archive_after_days = 30
  # Where people drove is personal data, and no data of that kind is kept without an end: three years, for as long as a
  # claim from a contract can be raised.
  delete_after_days = 1096
}
