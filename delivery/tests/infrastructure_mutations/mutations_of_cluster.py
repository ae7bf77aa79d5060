"""Mistakes in what runs in the clusters, and in the watch over it."""

from __future__ import annotations

from .mutation import ACTIONS, OBJECTS, SCHEMA, Mutation, tested

_ALERTS = "modules/watch/alerts.tf"
_CHARTS = "modules/addons/main.tf"
_NODES = "modules/cluster/nodes.tf"
_WATCH = "modules/watch/main.tf"

CLUSTER = (
    tested(
        "a chart that changes by itself",
        _WATCH,
        'version    = "88.5.3"',
        'version    = ">= 88.0.0"',
        "every_chart_has_an_exact_version failed",
    ),
    tested(
        "alerts that reach nobody",
        _ALERTS,
        'receiver        = "people"\n      group_by',
        'receiver        = "nobody"\n      group_by',
        "an_alert_reaches_somebody failed",
    ),
    tested(
        "pages that are taken for information",
        _ALERTS,
        'info|none\\""]\n        },',
        'info|page\\""]\n        },',
        "an_alert_reaches_somebody failed",
    ),
    tested(
        "a heartbeat that goes to people",
        _ALERTS,
        'receiver        = "heartbeat"',
        'receiver        = "people"',
        "a_dead_alertmanager_is_missed failed",
    ),
    tested(
        "an alarm that takes silence for health",
        "modules/observability/main.tf",
        "  # A topic that nobody writes to has no figures at all.\n"
        '  treat_missing_data = "breaching"',
        '  treat_missing_data = "notBreaching"',
        "a_dead_alertmanager_is_missed failed",
    ),
    tested(
        "Alertmanager on every topic",
        _ALERTS,
        "Resource = [var.alarm_topic_arn, var.heartbeat_topic_arn]",
        'Resource = ["*"]',
        "alertmanager_writes_to_its_topics_and_nothing_else failed",
    ),
    tested(
        "a topic in clear",
        "modules/observability/main.tf",
        'name              = "${var.name}-heartbeat"\n'
        "  kms_master_key_id = var.kms_key_arn",
        'name              = "${var.name}-heartbeat"',
        "messages_are_encrypted_and_written_by_this_account failed",
    ),
    tested(
        "a topic for the services of every account",
        "modules/observability/main.tf",
        '"aws:SourceAccount" = var.account',
        '"aws:SourceAccount" = "*"',
        "messages_are_encrypted_and_written_by_this_account failed",
    ),
    tested(
        "rules that Prometheus does not see",
        _WATCH,
        "ruleSelectorNilUsesHelmValues           = false",
        "ruleSelectorNilUsesHelmValues           = true",
        "prometheus_reads_the_rules_of_every_namespace failed",
    ),
    tested(
        "rules that are applied once",
        _WATCH,
        "{base,${var.environment}}/**",
        "${var.environment}/**",
        "a_changed_rule_is_applied_again failed",
    ),
    tested(
        "logs for ever",
        "modules/watch/logs.tf",
        "retention_in_days = var.log_days",
        "retention_in_days = 0",
        "logs_are_encrypted_and_end_at_some_time failed",
    ),
    tested(
        "an add-on without a version",
        "modules/cluster/addons.tf",
        "addon_version               = "
        "data.aws_eks_addon_version.this[each.key].version",
        "addon_version               = null",
        "nodes_and_addons_are_of_the_clusters_version failed",
    ),
    tested(
        "nodes that stay behind when the cluster is upgraded",
        _NODES,
        "version         = aws_eks_cluster.this.version",
        'version         = "1.30"',
        "nodes_and_addons_are_of_the_clusters_version failed",
    ),
    tested(
        "one group of nodes over all zones",
        _NODES,
        "[var.subnet_ids[count.index]]",
        "var.subnet_ids",
        "each_zone_scales_by_itself failed",
    ),
    tested(
        "policies that nothing enforces",
        "modules/cluster/addons.tf",
        'enableNetworkPolicy = "true"',
        'enableNetworkPolicy = "false"',
        "network_policies_are_enforced failed",
    ),
    tested(
        "an autoscaler of every cluster's nodes",
        _CHARTS,
        "k8s.io/cluster-autoscaler/${var.cluster_name}",
        "k8s.io/cluster-autoscaler/enabled",
        "the_autoscaler_scales_this_clusters_nodes_alone failed",
    ),
    tested(
        "names of the other environment",
        _CHARTS,
        '[var.host, "*.${var.host}", "*-${var.host}"]',
        '["*"]',
        "records_of_the_other_environment_are_out_of_reach failed",
    ),
    tested(
        "a service that empties its archive",
        "modules/bindings/archive.tf",
        '"s3:AbortMultipartUpload",',
        '"s3:AbortMultipartUpload",\n        "s3:DeleteObject",',
        "the_archive_is_written_by_one_account_and_emptied_by_none failed",
    ),
    tested(
        "a service that writes into every prefix",
        "modules/bindings/archive.tf",
        "${var.archive_arn}/${local.archive_prefix}/*",
        "${var.archive_arn}/*",
        "the_archive_is_written_by_one_account_and_emptied_by_none failed",
    ),
    tested(
        "days that are dropped and go nowhere",
        "modules/bindings/archive.tf",
        "GPS_EXPORT_URL   =",
        "GPS_EXPORT_TO    =",
        "days_are_dropped_after_they_are_in_the_archive failed",
    ),
    tested(
        "a setting that no pod reads",
        "modules/bindings/archive.tf",
        '"gps-ingestion-service-archive"',
        '"gps-archive"',
        "days_are_dropped_after_they_are_in_the_archive failed",
    ),
    Mutation(
        "a store that forgets whom it serves",
        "modules/bindings/secrets.tf",
        "conditions = [{ namespaces = [var.namespace] }]",
        "condition = [{ namespaces = [var.namespace] }]",
        OBJECTS,
        "'condition' was unexpected",
        "modules/bindings",
    ),
    Mutation(
        "a secret of a property that its operator does not know",
        "modules/database_roles/main.tf",
        "key = var.passwords_arn, property = component",
        "key = var.passwords_arn, propery = component",
        OBJECTS,
        "'propery' was unexpected",
        "modules/database_roles",
    ),
    Mutation(
        "a pod that does everything with objects",
        "modules/bindings/archive.tf",
        '"s3:PutObject",',
        '"s3:*",',
        ACTIONS,
        "modules/bindings/archive.tf",
    ),
    Mutation(
        "staging with nodes that cannot grow",
        "envs/staging/main.tf",
        "{ min = 1, max = 2 }",
        "{ min = 2, max = 2 }",
        SCHEMA,
        "has room for more",
        "envs/staging",
    ),
    tested(
        "a made role that reaches what its maker must not",
        "bootstrap/infrastructure.tf",
        "], local.fences[environment])",
        "])",
        "no_role_that_an_environment_makes_gets_around_its_fence failed",
    ),
    tested(
        "staging that moves production's names",
        "bootstrap/infrastructure.tf",
        'for form in ["", "*.", "*-"] : "${form}${environment}.${var.domain}"',
        'for form in ["", "*."] : "${form}${var.domain}"',
        "each_environment_writes_its_own_names failed",
    ),
    tested(
        "a rollout that does not wait for the balancers",
        "modules/bindings/main.tf",
        '"elbv2.k8s.aws/pod-readiness-gate-inject" = "enabled"',
        '"elbv2.k8s.aws/pod-readiness-gate-inject" = "disabled"',
        "a_rollout_waits_for_the_balancers failed",
    ),
    tested(
        "a database's log in clear",
        "modules/database/main.tf",
        "  retention_in_days = var.log_days\n  kms_key_id        = var.kms_key_arn\n",
        "  retention_in_days = var.log_days\n",
        "its_logs_are_encrypted_and_end_at_some_time failed",
    ),
)
