mock_provider "aws" {
  override_during = plan
}

variables {
  name        = "tms-test"
  databases   = ["tms-test-odoo", "tms-test-gps"]
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

run "an_alarm_reaches_somebody" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}
