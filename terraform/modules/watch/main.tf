# The watch over both components: Prometheus, Alertmanager, Grafana and the prober, as monitoring/ expects them, and
# then monitoring/ itself. Nothing of it has a public address: `kubectl port-forward` is the way in.

resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = "monitoring"
    # The node exporter and Fluent Bit read files of the node.
    labels = { "pod-security.kubernetes.io/enforce" = "privileged" }
  }
}

resource "kubernetes_storage_class_v1" "metrics" {
  metadata {
    name = "metrics"
  }

  storage_provisioner    = "ebs.csi.aws.com"
  reclaim_policy         = "Delete"
  volume_binding_mode    = "WaitForFirstConsumer"
  allow_volume_expansion = true
  parameters             = { type = "gp3", encrypted = "true" }
}

resource "helm_release" "prometheus" {
  name       = "kube-prometheus-stack"
  namespace  = kubernetes_namespace_v1.this.metadata[0].name
  repository = "https://prometheus-community.github.io/helm-charts"
  chart      = "kube-prometheus-stack"
  version    = "88.5.3"
  atomic     = true
  timeout    = 900

  values = [yamlencode({
    # EKS shows nobody its scheduler, controllers and etcd; alerts about them would never end.
    kubeControllerManager = { enabled = false }
    kubeEtcd              = { enabled = false }
    kubeScheduler         = { enabled = false }
    kubeProxy             = { enabled = false }

    prometheus = {
      prometheusSpec = {
        # Rules and targets are in the namespace of what they watch, and carry no label of this chart.
        ruleSelectorNilUsesHelmValues           = false
        podMonitorSelectorNilUsesHelmValues     = false
        probeSelectorNilUsesHelmValues          = false
        serviceMonitorSelectorNilUsesHelmValues = false

        # The longest window of a rule is three days; the rest is for looking back.
        retention     = "30d"
        retentionSize = "${floor(var.metrics_gb * 0.85)}GB"

        resources = {
          requests = { cpu = "200m", memory = "1Gi" }
          limits   = { memory = "3Gi" }
        }

        storageSpec = {
          volumeClaimTemplate = {
            spec = {
              storageClassName = kubernetes_storage_class_v1.metrics.metadata[0].name
              accessModes      = ["ReadWriteOnce"]
              resources        = { requests = { storage = "${var.metrics_gb}Gi" } }
            }
          }
        }
      }
    }

    alertmanager = {
      serviceAccount   = { name = local.alertmanager_account }
      config           = local.alertmanager_configuration
      alertmanagerSpec = { replicas = 2 }
    }

    grafana = {
      sidecar = { dashboards = { enabled = true, searchNamespace = "ALL" } }
    }
  })]

  depends_on = [module.alert_role]
}

resource "helm_release" "prober" {
  name       = "prometheus-blackbox-exporter"
  namespace  = kubernetes_namespace_v1.this.metadata[0].name
  repository = "https://prometheus-community.github.io/helm-charts"
  chart      = "prometheus-blackbox-exporter"
  version    = "11.17.2"
  atomic     = true

  values = [yamlencode({
    # The Probe names the Service.
    fullnameOverride = "prometheus-blackbox-exporter"

    # Of the service's public address: it refuses whoever has no token, and nothing else on the way says so.
    config = {
      modules = {
        https_refused = {
          prober  = "http"
          timeout = "8s"
          http = {
            follow_redirects      = false
            fail_if_not_ssl       = true
            preferred_ip_protocol = "ip4"
            valid_status_codes    = [401, 405]
          }
        }
      }
    }

    resources = {
      requests = { cpu = "20m", memory = "32Mi" }
      limits   = { memory = "128Mi" }
    }
  })]
}

locals {
  monitoring = "${path.module}/../../../monitoring"

  watched = { for name in fileset(local.monitoring, "{base,${var.environment}}/**") : name => filesha256("${local.monitoring}/${name}") }
}

# Rules, targets and dashboards, applied again whenever one of them has changed, or what they are in was made anew: a
# cluster of the same name has another endpoint, and a release that was installed again has lost them with its CRDs.
resource "terraform_data" "objects" {
  triggers_replace = [
    var.cluster_name,
    var.cluster_endpoint,
    sha256(jsonencode(local.watched)),
    helm_release.prometheus.metadata.revision,
  ]

  provisioner "local-exec" {
    command = "python3 -m delivery.infrastructure.watch_objects ${var.environment} --cluster ${var.cluster_name} --region ${var.region}"

    environment = {
      PYTHONPATH = abspath("${path.module}/../../../delivery/src")
    }
  }

  depends_on = [helm_release.prometheus, helm_release.prober]
}
