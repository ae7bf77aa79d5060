# What a cluster binds by name for the overlays, which are the same on every cluster: the namespace, Services that
# stand for the databases, the claim of Odoo's files, and the store that Secrets are made from.

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = var.namespace

    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
      "pod-security.kubernetes.io/warn"    = "restricted"
      # A new pod is ready once the balancer has it: until then the old ones stay.
      "elbv2.k8s.aws/pod-readiness-gate-inject" = "enabled"
    }
  }
}

resource "kubernetes_persistent_volume_v1" "odoo" {
  metadata {
    name = "${var.namespace}-odoo-data"
  }

  spec {
    access_modes                     = ["ReadWriteMany"]
    persistent_volume_reclaim_policy = "Retain"
    storage_class_name               = "efs"
    # EFS grows as it is written to; a claim has to name a size all the same.
    capacity = { storage = "100Gi" }

    persistent_volume_source {
      csi {
        driver        = "efs.csi.aws.com"
        volume_handle = var.odoo_volume
      }
    }

    mount_options = ["tls"]
  }
}

resource "kubernetes_persistent_volume_claim_v1" "odoo" {
  metadata {
    name      = "tms-odoo-data"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    access_modes       = ["ReadWriteMany"]
    storage_class_name = "efs"
    volume_name        = kubernetes_persistent_volume_v1.odoo.metadata[0].name

    resources {
      requests = { storage = "100Gi" }
    }
  }
}

# EKS's edit policy covers what every cluster knows; the pipelines apply ExternalSecrets as well.
resource "kubernetes_role_v1" "deployer" {
  metadata {
    name      = "tms-deployers"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  rule {
    api_groups = ["external-secrets.io"]
    resources  = ["externalsecrets"]
    verbs      = ["create", "delete", "get", "list", "patch", "update", "watch"]
  }
}

resource "kubernetes_role_binding_v1" "deployer" {
  metadata {
    name      = "tms-deployers"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = kubernetes_role_v1.deployer.metadata[0].name
  }

  subject {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Group"
    name      = var.deployer_group
  }
}
