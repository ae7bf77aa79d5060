# Odoo's files are copied to S3: a second place, with old versions, that no pod can write to. How often is their RPO.

resource "aws_datasync_location_efs" "odoo" {
  efs_file_system_arn   = aws_efs_mount_target.this[0].file_system_arn
  access_point_arn      = aws_efs_access_point.odoo.arn
  in_transit_encryption = "TLS1_2"

  ec2_config {
    subnet_arn          = var.copy_subnet_arn
    security_group_arns = [aws_security_group.copy.arn]
  }
}

resource "aws_security_group" "copy" {
  name        = "${var.name}-copy"
  description = "The copy of the files to S3"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-copy" }
}

resource "aws_vpc_security_group_egress_rule" "copy" {
  security_group_id            = aws_security_group.copy.id
  description                  = "NFS to the files"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}

resource "aws_vpc_security_group_ingress_rule" "copy" {
  security_group_id            = aws_security_group.this.id
  description                  = "NFS from the copy"
  referenced_security_group_id = aws_security_group.copy.id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}

resource "aws_datasync_location_s3" "attachments" {
  s3_bucket_arn = module.attachments.arn
  subdirectory  = "/odoo"

  s3_config {
    bucket_access_role_arn = aws_iam_role.copy.arn
  }

  # DataSync looks whether it may write while it makes the location.
  depends_on = [aws_iam_role_policy.copy]
}

resource "aws_datasync_task" "copy" {
  name                     = "${var.name}-attachments"
  source_location_arn      = aws_datasync_location_efs.odoo.arn
  destination_location_arn = aws_datasync_location_s3.attachments.arn

  options {
    # What was deleted in Odoo goes from the copy too, and its version stays for as long as the bucket keeps those.
    preserve_deleted_files = "REMOVE"
    verify_mode            = "ONLY_FILES_TRANSFERRED"
  }

  schedule {
    schedule_expression = var.copy_schedule
  }
}

resource "aws_iam_role" "copy" {
  name                 = "${var.name}-copy"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "datasync.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
    }]
  })
}

resource "aws_iam_role_policy" "copy" {
  name = "write-attachments"
  role = aws_iam_role.copy.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = [module.attachments.arn]
      },
      {
        Effect = "Allow"
        Action = [
          "s3:AbortMultipartUpload",
          "s3:DeleteObject",
          "s3:GetObject",
          "s3:GetObjectTagging",
          "s3:ListMultipartUploadParts",
          "s3:PutObject",
          "s3:PutObjectTagging",
        ]
        Resource = ["${module.attachments.arn}/odoo/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}
