# The GPS service may put days of positions into the archive before it drops them from its database, and read back
# what it put. It cannot delete: the bucket keeps old versions, and an archive that its writer can empty is none.

locals {
  archive_prefix = "gps"
}

module "archive_role" {
  source = "../workload_role"

  name                     = "archive"
  cluster_name             = var.cluster_name
  namespace                = kubernetes_namespace_v1.this.metadata[0].name
  service_account          = "gps-ingestion-service"
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid    = "WriteAndReadBack"
      Effect = "Allow"
      Action = [
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
      ]
      Resource = ["${var.archive_arn}/${local.archive_prefix}/*"]
    },
    {
      Sid       = "FindWhatIsThere"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [var.archive_arn]
      Condition = { StringLike = { "s3:prefix" = ["${local.archive_prefix}/*"] } }
    },
    {
      Sid       = "EncryptObjects"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = ["s3.${var.region}.amazonaws.com"] } }
    },
  ]
}
