# Alarms on what AWS runs for us; what the components do is watched by Prometheus in the cluster.

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

# CloudWatch and RDS write as services; Alertmanager does with a role of its own.
resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
      },
      {
        Sid       = "EventsOfOurRules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alarms.arn
        Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:events:*:${var.account}:rule/${var.name}-*" } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  database_alarms = {
    cpu = {
      metric  = "CPUUtilization", comparison = "GreaterThanThreshold", threshold = 80, periods = 3
      section = "database-cpu"
      about   = "busy for a quarter of an hour: look at Performance Insights, then at the instance class"
    }
    storage = {
      metric  = "FreeStorageSpace", comparison = "LessThanThreshold", threshold = 10 * 1024 * 1024 * 1024, periods = 1
      section = "database-storage"
      about   = "less than 10 GB free although storage grows by itself: its limit is near"
    }
    memory = {
      metric  = "FreeableMemory", comparison = "LessThanThreshold", threshold = 128 * 1024 * 1024, periods = 3
      section = "database-memory"
      about   = "less than 128 MB of memory free"
    }
    queue = {
      metric  = "DiskQueueDepth", comparison = "GreaterThanThreshold", threshold = 32, periods = 3
      section = "database-disk-queue"
      about   = "writes wait for the disk"
    }
  }

  alarms = merge([
    for database in var.databases : {
      for kind, alarm in local.database_alarms : "${database}-${kind}" => merge(alarm, { database = database })
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value.database}: ${each.value.about}\n${var.runbook}#${each.value.section}"
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = each.value.database }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  # A database that says nothing is not well.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

# Failover, failed backup, storage that runs out: what RDS itself reports.
resource "aws_db_event_subscription" "this" {
  name             = "${var.name}-databases"
  sns_topic        = aws_sns_topic.alarms.arn
  source_type      = "db-instance"
  source_ids       = var.databases
  event_categories = ["availability", "backup", "deletion", "failover", "failure", "low storage", "recovery"]
}

# Files have no metric that says they were not copied, but each copy and each backup that fails is an event.
locals {
  failed_copies = {
    copy = {
      source      = ["aws.datasync"]
      detail-type = ["DataSync Task Execution State Change"]
      resources   = [{ prefix = var.copies.task_arn }]
      detail      = { State = ["ERROR"] }
    }
    backup = {
      source      = ["aws.backup"]
      detail-type = ["Backup Job State Change"]
      detail      = { state = ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"], resourceArn = [var.copies.file_system_arn] }
    }
  }
}

resource "aws_cloudwatch_event_rule" "failed_copy" {
  for_each = local.failed_copies

  name          = "${var.name}-files-${each.key}-failed"
  description   = "${var.name}: a ${each.key} of Odoo's files failed ${var.runbook}#${each.key}-of-files-failed"
  event_pattern = jsonencode(each.value)
}

resource "aws_cloudwatch_event_target" "failed_copy" {
  for_each = local.failed_copies

  rule = aws_cloudwatch_event_rule.failed_copy[each.key].name
  arn  = aws_sns_topic.alarms.arn
}

# What does not rotate by itself is rotated by people, twice a year; a promise that nobody is reminded of is none.
resource "aws_cloudwatch_event_rule" "rotation" {
  name                = "${var.name}-rotation-is-due"
  description         = "${var.name}: rotate passwords of the applications, keys and tokens ${var.runbook}#rotation-is-due"
  schedule_expression = "cron(0 4 1 3,9 ? *)"
}

resource "aws_cloudwatch_event_target" "rotation" {
  rule  = aws_cloudwatch_event_rule.rotation.name
  arn   = aws_sns_topic.alarms.arn
  input = jsonencode(aws_cloudwatch_event_rule.rotation.description)
}

# The autoscaler adds nodes up to a number; past it a pod without a place waits until somebody raises that.
resource "aws_cloudwatch_metric_alarm" "unschedulable" {
  alarm_name          = "${var.name}-unschedulable-pods"
  alarm_description   = "${var.name}: pods find no node for ten minutes, and the autoscaler adds none: raise nodes_per_zone\n${var.runbook}#pods-without-a-place"
  namespace           = "AWS/EKS"
  metric_name         = "scheduler_pending_pods_UNSCHEDULABLE"
  dimensions          = { ClusterName = var.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "missing"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Alertmanager writes here every few minutes, for nobody to read. Silence means that alerts reach nobody.
resource "aws_sns_topic" "heartbeat" {
  name              = "${var.name}-heartbeat"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_cloudwatch_metric_alarm" "heartbeat" {
  alarm_name          = "${var.name}-alerting-is-silent"
  alarm_description   = "${var.name}: Prometheus or Alertmanager has not been heard of for a quarter of an hour; alerts reach nobody\n${var.runbook}#alerting-is-silent"
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfMessagesPublished"
  dimensions          = { TopicName = aws_sns_topic.heartbeat.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  # A topic that nobody writes to has no figures at all.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}
