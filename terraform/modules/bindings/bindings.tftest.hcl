mock_provider "aws" {
  override_during = plan

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tms/test/tms-test-secrets-reader" }
  }
}

mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  namespace          = "tms-test"
  cluster_name       = "tms-test"
  region             = "ap-south-1"
  database_addresses = { odoo = "odoo.rds.example", gps = "gps.rds.example" }
  database_ca        = "-----BEGIN CERTIFICATE-----"
  odoo_volume        = "fs-1::fsap-1"
  archive_arn        = "arn:aws:s3:::tms-test-archive"
  deployer_group     = "tms-deployers"
  kms_key_arn        = "arn:aws:kms:ap-south-1:123456789012:key/test"
  role_path          = "/tms/test/"

  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"

  secret_arns = {
    odoo     = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:tms/test/odoo-abcdef"
    gps      = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:tms/test/gps-abcdef"
    database = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:tms/test/database-abcdef"
  }

  token_issuer = {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC"
    host         = "oidc.eks.ap-south-1.amazonaws.com/id/ABC"
  }
}

run "the_overlays_find_what_they_name" {
  command = plan

  assert {
    condition = {
      for name, service in kubernetes_service_v1.database : name => service.spec[0].external_name
    } == { odoo-db = "odoo.rds.example", gps-db = "gps.rds.example" }
    error_message = "Services odoo-db and gps-db stand for the databases."
  }

  assert {
    condition = (
      kubernetes_persistent_volume_claim_v1.odoo.metadata[0].name == "tms-odoo-data" &&
      kubernetes_persistent_volume_claim_v1.odoo.spec[0].access_modes == toset(["ReadWriteMany"])
    )
    error_message = "Odoo's pods share the claim tms-odoo-data."
  }

  assert {
    condition     = kubernetes_persistent_volume_v1.odoo.spec[0].persistent_volume_reclaim_policy == "Retain"
    error_message = "Files outlive the claim."
  }

  assert {
    condition     = module.store.objects[0].metadata.name == "aws-secrets-manager" && module.store.objects[0].kind == "ClusterSecretStore"
    error_message = "The ExternalSecrets name this store."
  }
}

run "pods_verify_the_databases_by_their_own_names" {
  command = plan

  assert {
    condition = { for name, map in kubernetes_config_map_v1.database : map.metadata[0].name => map.data } == {
      tms-odoo-database = tomap({
        ODOO_DB_HOST  = "odoo.rds.example"
        PGSSLMODE     = "verify-full"
        PGSSLROOTCERT = "/run/database-ca/ca.pem"
      })
      gps-ingestion-service-database = tomap({
        GPS_DATABASE_HOST = "gps.rds.example"
        PGSSLMODE         = "verify-full"
        PGSSLROOTCERT     = "/run/database-ca/ca.pem"
      })
    }
    error_message = "Pods connect to the address that the certificate names, and verify it."
  }

  assert {
    condition     = kubernetes_config_map_v1.database_ca.metadata[0].name == "database-ca" && kubernetes_config_map_v1.database_ca.data == tomap({ "ca.pem" = var.database_ca })
    error_message = "The manifests mount these certificates."
  }
}

run "secrets_are_read_by_one_namespace_in_one_name" {
  command = plan

  assert {
    condition     = module.store.objects[0].spec.conditions == [{ namespaces = ["tms-test"] }]
    error_message = "Another namespace must not read through the store."
  }

  assert {
    condition = module.reader_role.trust.Condition.StringEquals == tomap({
      "oidc.eks.ap-south-1.amazonaws.com/id/ABC:aud" = "sts.amazonaws.com"
      "oidc.eks.ap-south-1.amazonaws.com/id/ABC:sub" = "system:serviceaccount:tms-test:secrets-reader"
    })
    error_message = "One service account assumes the role."
  }

  assert {
    condition     = !strcontains(module.reader_role.policy, "tms/test/database") && !strcontains(module.reader_role.policy, "*")
    error_message = "The components' pods must not learn what administers the databases."
  }
}

run "the_pipeline_gets_one_kind_more_than_editing" {
  command = plan

  assert {
    condition = (
      length(kubernetes_role_v1.deployer.rule) == 1 &&
      kubernetes_role_v1.deployer.rule[0].resources == toset(["externalsecrets"])
    )
    error_message = "The pipeline's role must not change stores or anything else."
  }
}

run "pods_are_restricted" {
  command = plan

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"
    error_message = "A pod that asks for more than the manifests do is refused."
  }
}

run "the_archive_is_written_by_one_account_and_emptied_by_none" {
  command = plan

  assert {
    condition = module.archive_role.trust.Condition.StringEquals == {
      "aws:RequestTag/eks-cluster-name"           = "tms-test"
      "aws:RequestTag/kubernetes-namespace"       = "tms-test"
      "aws:RequestTag/kubernetes-service-account" = "gps-ingestion-service"
    }
    error_message = "The service's account of the manifests assumes the role."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(module.archive_role.policy).Statement :
      statement.Resource == ["arn:aws:s3:::tms-test-archive/gps/*"]
      if contains(statement.Action, "s3:PutObject")
    ])
    error_message = "It writes below its own prefix."
  }

  assert {
    condition     = !strcontains(module.archive_role.policy, "Delete")
    error_message = "Nothing in the archive goes by the service's hand."
  }
}

run "days_are_dropped_after_they_are_in_the_archive" {
  command = plan

  assert {
    condition = kubernetes_config_map_v1.archive.data == tomap({
      GPS_RETENTION_DAYS = "90"
      GPS_MAX_AGE_DAYS   = "90"
      GPS_EXPORT_DIR     = "/exports"
      GPS_EXPORT_URL     = "s3://tms-test-archive/gps"
    })
    error_message = "Positions are kept for 90 days, and go to the prefix that the role may write."
  }

  assert {
    condition = alltrue([
      for named in ["name: ${kubernetes_config_map_v1.archive.metadata[0].name}", "mountPath: ${kubernetes_config_map_v1.archive.data.GPS_EXPORT_DIR}"] :
      strcontains(file("../../../gps_ingestion_service/kube/base/deployment.yaml"), named)
    ])
    error_message = "The Deployment reads the ConfigMap, and has the folder that it names."
  }
}

run "a_rollout_waits_for_the_balancers" {
  command = plan

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"
    error_message = "Otherwise the last old pod goes before a balancer knows the first new one."
  }
}
