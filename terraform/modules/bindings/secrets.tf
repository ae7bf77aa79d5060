# External Secrets asks Secrets Manager in the name of this account, which reads the entries of this environment's
# two components and nothing else.

module "reader_role" {
  source = "../workload_role"

  name                     = "secrets-reader"
  cluster_name             = var.cluster_name
  namespace                = var.namespace
  service_account          = "secrets-reader"
  token_issuer             = var.token_issuer
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid      = "ReadItsEntries"
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = [var.secret_arns.odoo, var.secret_arns.gps]
    },
    {
      Sid      = "DecryptThem"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
    },
  ]
}

resource "kubernetes_service_account_v1" "reader" {
  metadata {
    name        = "secrets-reader"
    namespace   = kubernetes_namespace_v1.this.metadata[0].name
    annotations = { "eks.amazonaws.com/role-arn" = module.reader_role.arn }
  }

  # No pod runs as it.
  automount_service_account_token = false
}

module "store" {
  source = "../custom_objects"

  name      = "secret-store"
  namespace = kubernetes_namespace_v1.this.metadata[0].name

  objects = [{
    apiVersion = "external-secrets.io/v1"
    kind       = "ClusterSecretStore"
    metadata   = { name = "aws-secrets-manager" }
    spec = {
      # Without this every namespace could read through it.
      conditions = [{ namespaces = [var.namespace] }]
      provider = {
        aws = {
          service = "SecretsManager"
          region  = var.region
          auth = {
            jwt = {
              serviceAccountRef = {
                name      = kubernetes_service_account_v1.reader.metadata[0].name
                namespace = var.namespace
              }
            }
          }
        }
      }
    }
  }]
}
