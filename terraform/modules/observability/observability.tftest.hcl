mock_provider "aws" {
  override_during = plan

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:ap-south-1:123456789012:tms-test" }
  }
}

variables {
  name      = "tms-test"
  account   = "123456789012"
  databases = ["tms-test-odoo", "tms-test-gps"]

  copies = {
    task_arn        = "arn:aws:datasync:ap-south-1:123456789012:task/task-1"
    file_system_arn = "arn:aws:elasticfilesystem:ap-south-1:123456789012:file-system/fs-1"
  }

  runbook     = "https://code.example/alerts.md"
  emails      = ["oncall@tms.example"]
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/test"
}

run "each_database_is_watched" {
  command = plan

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.database : alarm.dimensions.DBInstanceIdentifier]) == toset([
      "tms-test-odoo", "tms-test-gps",
    ])
    error_message = "Both databases have alarms."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.database : alarm.treat_missing_data == "breaching"])
    error_message = "A database that says nothing raises the alarm."
  }
}

run "files_that_were_not_copied_are_told_of" {
  command = plan

  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.failed_copy["copy"].event_pattern).resources[0].prefix == var.copies.task_arn &&
      jsondecode(aws_cloudwatch_event_rule.failed_copy["copy"].event_pattern).detail.State == ["ERROR"] &&
      jsondecode(aws_cloudwatch_event_rule.failed_copy["backup"].event_pattern).detail.resourceArn == [var.copies.file_system_arn] &&
      contains(jsondecode(aws_cloudwatch_event_rule.failed_copy["backup"].event_pattern).detail.state, "FAILED")
    )
    error_message = "A copy to S3 and a backup that fail are events of their services."
  }

  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.failed_copy : target.arn == aws_sns_topic.alarms.arn])
    error_message = "They go to the people who are told of alarms."
  }

  assert {
    condition = contains([
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement : jsonencode([statement.Principal, statement.Condition])
      ], jsonencode([
        { Service = "events.amazonaws.com" },
        { ArnLike = { "aws:SourceArn" = "arn:aws:events:*:123456789012:rule/tms-test-*" } },
    ]))
    error_message = "The topic takes them, from our rules alone."
  }
}

run "people_are_reminded_of_what_they_rotate" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_event_rule.rotation.schedule_expression == "cron(0 4 1 3,9 ? *)" &&
      aws_cloudwatch_event_target.rotation.arn == aws_sns_topic.alarms.arn &&
      startswith(aws_cloudwatch_event_rule.rotation.name, "tms-test-")
    )
    error_message = "Twice a year, by a rule that the topic takes messages of."
  }
}

run "each_alarm_says_where_to_read_on" {
  command = plan

  assert {
    condition = alltrue([
      for description in concat(
        [for alarm in aws_cloudwatch_metric_alarm.database : alarm.alarm_description],
        [aws_cloudwatch_metric_alarm.unschedulable.alarm_description, aws_cloudwatch_metric_alarm.heartbeat.alarm_description],
        [for rule in aws_cloudwatch_event_rule.failed_copy : rule.description],
        [jsondecode(aws_cloudwatch_event_target.rotation.input)],
      ) : can(regex("https://code.example/alerts.md#[a-z-]+$", description))
    ])
    error_message = "Who is woken finds what to do by one click."
  }
}

run "an_alarm_reaches_somebody" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}

run "a_dead_alertmanager_is_missed" {
  command = plan

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.heartbeat.dimensions.TopicName == aws_sns_topic.heartbeat.name &&
      aws_cloudwatch_metric_alarm.heartbeat.comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.heartbeat.treat_missing_data == "breaching"
    )
    error_message = "A heartbeat that ends raises the alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.heartbeat.alarm_actions) == 1
    error_message = "Somebody is told."
  }
}

run "messages_are_encrypted_and_written_by_this_account" {
  command = plan

  assert {
    condition     = alltrue([for topic in [aws_sns_topic.alarms, aws_sns_topic.heartbeat] : topic.kms_master_key_id == var.kms_key_arn])
    error_message = "Messages are encrypted with a key of ours."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_policy.alarms.policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "A service writes for this account alone."
  }
}
