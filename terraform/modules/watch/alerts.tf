# Alerts leave the cluster through SNS, to the same people as the alarms of CloudWatch. `Watchdog` is an alert that
# always fires: it is written to a topic of its own, and an alarm in CloudWatch misses it when Prometheus, Alertmanager
# or the way out is broken.

locals {
  alertmanager_account = "alertmanager"

  alertmanager_configuration = {
    route = {
      receiver        = "people"
      group_by        = ["namespace", "alertname"]
      group_wait      = "30s"
      group_interval  = "5m"
      repeat_interval = "4h"

      routes = [
        {
          receiver        = "heartbeat"
          matchers        = ["alertname = Watchdog"]
          group_interval  = "1m"
          repeat_interval = "5m"
        },
        {
          receiver = "nobody"
          matchers = ["severity =~ \"info|none\""]
        },
        {
          # What can wait until the morning is not repeated in the night.
          receiver        = "people"
          matchers        = ["severity =~ \"ticket|warning\""]
          repeat_interval = "24h"
        },
      ]
    }

    inhibit_rules = [{
      source_matchers = ["severity =~ \"page|critical\""]
      target_matchers = ["severity =~ \"ticket|warning|info\""]
      equal           = ["namespace", "alertname"]
    }]

    receivers = [
      { name = "nobody" },
      {
        name = "people"
        sns_configs = [{
          topic_arn     = var.alarm_topic_arn
          send_resolved = true
          sigv4         = { region = var.region }
          subject       = "{{ .Status | toUpper }} {{ .GroupLabels.alertname }} in {{ .GroupLabels.namespace }} (${var.environment})"
          message       = <<-EOT
            {{ range .Alerts }}{{ .Status }} since {{ .StartsAt }}
            {{ .Annotations.summary }}
            {{ with .Annotations.runbook }}${var.repository_url}{{ . }}{{ end }}{{ .Annotations.runbook_url }}
            {{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}

            {{ end }}
          EOT
        }]
      },
      {
        name = "heartbeat"
        sns_configs = [{
          topic_arn     = var.heartbeat_topic_arn
          send_resolved = false
          sigv4         = { region = var.region }
        }]
      },
    ]
  }
}

module "alert_role" {
  source = "../workload_role"

  name                     = "alerts"
  cluster_name             = var.cluster_name
  namespace                = kubernetes_namespace_v1.this.metadata[0].name
  service_account          = local.alertmanager_account
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid      = "TellOfAlerts"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = [var.alarm_topic_arn, var.heartbeat_topic_arn]
    },
    {
      # The topics are encrypted: whoever publishes needs their key, for this and through SNS alone.
      Sid       = "EncryptMessages"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = ["sns.${var.region}.amazonaws.com"] } }
    },
  ]
}
