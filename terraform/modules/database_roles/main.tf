# The applications' roles in the databases. The databases have no way in but from the cluster, so a Job there makes
# them, in a namespace of its own: nothing else can read the administrators' passwords.

locals {
  namespace  = "tms-database-roles"
  components = toset(["gps", "odoo"])
  script     = file("${path.module}/roles.sql")

  # Another round reads the passwords anew, instead of what External Secrets fetched up to an hour ago.
  secret_names = { for component in local.components : component => "${component}-${var.round}" }
}

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name   = local.namespace
    labels = { "pod-security.kubernetes.io/enforce" = "restricted" }
  }
}

module "reader_role" {
  source = "../workload_role"

  name                     = "database-roles"
  cluster_name             = var.cluster_name
  namespace                = local.namespace
  service_account          = "secrets-reader"
  token_issuer             = var.token_issuer
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid      = "ReadPasswords"
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = concat([var.passwords_arn], values(var.administrator_arns))
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

  automount_service_account_token = false
}

module "secrets" {
  source = "../custom_objects"

  name      = "database-passwords"
  namespace = kubernetes_namespace_v1.this.metadata[0].name

  objects = concat(
    [{
      apiVersion = "external-secrets.io/v1"
      kind       = "SecretStore"
      metadata   = { name = "aws-secrets-manager", namespace = local.namespace }
      spec = {
        provider = {
          aws = {
            service = "SecretsManager"
            region  = var.region
            auth    = { jwt = { serviceAccountRef = { name = kubernetes_service_account_v1.reader.metadata[0].name } } }
          }
        }
      }
    }],
    [
      for component in sort(local.components) : {
        apiVersion = "external-secrets.io/v1"
        kind       = "ExternalSecret"
        metadata   = { name = local.secret_names[component], namespace = local.namespace }
        spec = {
          refreshInterval = "1h"
          secretStoreRef  = { kind = "SecretStore", name = "aws-secrets-manager" }
          target          = { name = local.secret_names[component], creationPolicy = "Owner" }
          data = [
            { secretKey = "user", remoteRef = { key = var.administrator_arns[component], property = "username" } },
            { secretKey = "administrator", remoteRef = { key = var.administrator_arns[component], property = "password" } },
            { secretKey = "password", remoteRef = { key = var.passwords_arn, property = component } },
          ]
        }
      }
    ],
  )
}

resource "kubernetes_config_map_v1" "script" {
  metadata {
    name      = "roles-${substr(sha256(local.script), 0, 10)}"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data      = { "roles.sql" = local.script }
  immutable = true
}

resource "kubernetes_config_map_v1" "ca" {
  metadata {
    name      = "database-ca"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data = { "ca.pem" = var.database_ca }
}

resource "kubernetes_job_v1" "this" {
  #checkov:skip=CKV_K8S_43:PostgreSQL's own image; its digest changes with every security fix of that version
  for_each = local.components

  # A Job cannot be changed: another script or another round is another Job.
  metadata {
    name      = "${each.key}-${substr(sha256(local.script), 0, 10)}-${var.round}"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    backoff_limit = 6

    template {
      metadata {
        labels = { "app.kubernetes.io/name" = "database-roles" }
      }

      spec {
        restart_policy                  = "Never"
        automount_service_account_token = false
        enable_service_links            = false

        security_context {
          run_as_non_root = true
          run_as_user     = 10001
          run_as_group    = 10001
          fs_group        = 10001

          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        container {
          name  = "psql"
          image = var.image
          command = [
            "sh", "-c",
            "PGUSER=$(cat /secrets/user) PGPASSWORD=$(cat /secrets/administrator) exec psql -v role=\"$ROLE\" -f /script/roles.sql",
          ]

          env {
            name  = "ROLE"
            value = each.key
          }

          env {
            name  = "PASSWORD_FILE"
            value = "/secrets/password"
          }

          env {
            name  = "PGHOST"
            value = var.database_addresses[each.key]
          }

          env {
            name  = "PGDATABASE"
            value = "postgres"
          }

          env {
            name  = "PGSSLMODE"
            value = "verify-full"
          }

          env {
            name  = "PGSSLROOTCERT"
            value = "/ca/ca.pem"
          }

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true

            capabilities {
              drop = ["ALL"]
            }
          }

          resources {
            requests = { cpu = "20m", memory = "32Mi" }
            limits   = { memory = "128Mi" }
          }

          volume_mount {
            name       = "script"
            mount_path = "/script"
            read_only  = true
          }

          volume_mount {
            name       = "ca"
            mount_path = "/ca"
            read_only  = true
          }

          volume_mount {
            name       = "secrets"
            mount_path = "/secrets"
            read_only  = true
          }
        }

        volume {
          name = "script"

          config_map {
            name = kubernetes_config_map_v1.script.metadata[0].name
          }
        }

        volume {
          name = "ca"

          config_map {
            name = kubernetes_config_map_v1.ca.metadata[0].name
          }
        }

        # The pod waits for it: External Secrets makes it a moment after the release.
        volume {
          name = "secrets"

          secret {
            secret_name  = local.secret_names[each.key]
            default_mode = "0440"
          }
        }
      }
    }
  }

  wait_for_completion = true

  timeouts {
    create = "10m"
    update = "10m"
  }

  depends_on = [module.secrets]
}
