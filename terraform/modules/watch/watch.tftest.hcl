mock_provider "aws" {
  override_during = plan

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/tms/test/tms-test-logs" }
  }
}

mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  cluster_name             = "tms-test"
  cluster_endpoint         = "https://first.example"
  environment              = "staging"
  repository_url           = "https://code.example/"
  region                   = "ap-south-1"
  alarm_topic_arn          = "arn:aws:sns:ap-south-1:123456789012:tms-test-alarms"
  heartbeat_topic_arn      = "arn:aws:sns:ap-south-1:123456789012:tms-test-heartbeat"
  metrics_gb               = 20
  log_days                 = 30
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/test"
  role_path                = "/tms/test/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"

  token_issuer = {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC"
    host         = "oidc.eks.ap-south-1.amazonaws.com/id/ABC"
  }
}

run "every_chart_has_an_exact_version" {
  command = plan

  assert {
    condition = alltrue([
      for release in [helm_release.prometheus, helm_release.prober, helm_release.logs] :
      can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", release.version))
    ])
    error_message = "A chart without an exact version changes by itself."
  }
}

run "an_alert_reaches_somebody" {
  command = plan

  assert {
    condition = one([
      for receiver in local.alertmanager_configuration.receivers : receiver.sns_configs[0].topic_arn
      if receiver.name == local.alertmanager_configuration.route.receiver
    ]) == var.alarm_topic_arn
    error_message = "What no other route takes goes to the people who are told."
  }

  assert {
    condition     = yamldecode(helm_release.prometheus.values[0]).alertmanager.config.route.receiver == "people"
    error_message = "Alertmanager runs with this configuration."
  }

  assert {
    condition = [
      for route in local.alertmanager_configuration.route.routes : route.matchers if route.receiver == "nobody"
    ] == [["severity =~ \"info|none\""]]
    error_message = "Only what is no alert reaches nobody."
  }
}

run "a_message_says_where_to_read_on" {
  command = plan

  assert {
    condition = strcontains(one([
      for receiver in local.alertmanager_configuration.receivers : receiver.sns_configs[0].message if receiver.name == "people"
    ]), "https://code.example/{{ . }}")
    error_message = "A rule names a file of the repository; a phone needs an address."
  }
}

run "a_dead_alertmanager_is_missed" {
  command = plan

  assert {
    condition = (
      local.alertmanager_configuration.route.routes[0].matchers == ["alertname = Watchdog"] &&
      local.alertmanager_configuration.route.routes[0].receiver == "heartbeat" &&
      local.alertmanager_configuration.route.routes[0].repeat_interval == "5m"
    )
    error_message = "The alert that always fires is written to the topic that an alarm watches, before anything else."
  }
}

run "alertmanager_writes_to_its_topics_and_nothing_else" {
  command = plan

  assert {
    condition = {
      for statement in jsondecode(module.alert_role.policy).Statement : statement.Action[0] => statement.Resource
      if !startswith(statement.Action[0], "kms:")
    } == { "sns:Publish" = [var.alarm_topic_arn, var.heartbeat_topic_arn] }
    error_message = "sns:Publish, on these two topics."
  }

  assert {
    condition     = module.alert_role.trust.Condition.StringEquals["aws:RequestTag/kubernetes-service-account"] == yamldecode(helm_release.prometheus.values[0]).alertmanager.serviceAccount.name
    error_message = "The role is Alertmanager's."
  }
}

run "prometheus_reads_the_rules_of_every_namespace" {
  command = plan

  assert {
    condition = alltrue([
      for kind in ["rule", "podMonitor", "probe"] :
      yamldecode(helm_release.prometheus.values[0]).prometheus.prometheusSpec["${kind}SelectorNilUsesHelmValues"] == false
    ])
    error_message = "The rules in the components' namespaces carry no label of the chart."
  }

  assert {
    condition     = yamldecode(helm_release.prober.values[0]).fullnameOverride == "prometheus-blackbox-exporter"
    error_message = "The Probe asks prometheus-blackbox-exporter.monitoring.svc."
  }

  assert {
    condition     = yamldecode(helm_release.prober.values[0]).config.modules.https_refused.http.fail_if_not_ssl
    error_message = "The public addresses are asked by this module of the prober."
  }
}

run "logs_are_encrypted_and_end_at_some_time" {
  command = plan

  assert {
    condition     = aws_cloudwatch_log_group.pods.kms_key_id == var.kms_key_arn && aws_cloudwatch_log_group.pods.retention_in_days == 30
    error_message = "Logs hold what drivers did: they are encrypted, and not kept for ever."
  }

  assert {
    condition     = strcontains(yamldecode(helm_release.logs.values[0]).config.filters, "redact.lua") && length(yamldecode(helm_release.logs.values[0]).luaScripts) == 1
    error_message = "Secrets are hidden on the way."
  }
}

run "a_changed_rule_is_applied_again" {
  command = plan

  assert {
    condition     = length([for name in keys(local.watched) : name if startswith(name, "base/rules/")]) == 2 && contains(keys(local.watched), "staging/kustomization.yaml")
    error_message = "Every file of the overlay counts."
  }

  assert {
    condition     = length([for name in keys(local.watched) : name if startswith(name, "production/")]) == 0
    error_message = "The other environment's files do not."
  }
}

run "another_cluster_of_the_same_name_gets_the_watch_too" {
  command = plan

  assert {
    condition     = contains(tolist([terraform_data.objects.triggers_replace[0], terraform_data.objects.triggers_replace[1]]), "https://first.example")
    error_message = "A cluster that was made anew has the same name and another endpoint."
  }
}
