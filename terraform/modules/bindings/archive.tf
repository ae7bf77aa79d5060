# The GPS service may put days of positions into the archive before it drops them from its database, and read back
# what it put. It cannot delete: the bucket keeps old versions, and an archive that its writer can empty is none.

locals {
  archive_prefix = "gps"
}

# The overlays cannot say it: the bucket's name holds the account. A cluster that is not made here has no such bucket;
# there the Deployment goes without, and drops nothing. Pods read it when they start.
resource "kubernetes_config_map_v1" "archive" {
  metadata {
    name      = "gps-ingestion-service-archive"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data = {
    GPS_RETENTION_DAYS = "90"
    # A fix must not be taken that would be dropped at once.
    GPS_MAX_AGE_DAYS = "90"
    GPS_EXPORT_DIR   = "/exports"
    GPS_EXPORT_URL   = "s3://${trimprefix(var.archive_arn, "arn:aws:s3:::")}/${local.archive_prefix}"
  }

  # No pod may archive before the role is bound: it would only fail.
  depends_on = [module.archive_role]
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
