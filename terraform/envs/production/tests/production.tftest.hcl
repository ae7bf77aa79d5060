mock_provider "aws" {
  override_during = plan
  source          = "../../modules/environment/mocks"
}

mock_provider "kubernetes" {}
mock_provider "helm" {}

mock_provider "http" {
  override_during = plan

  mock_data "http" {
    defaults = { status_code = 200, response_body = "-----BEGIN CERTIFICATE-----" }
  }
}

variables {
  region       = "ap-south-1"
  domain       = "tms.example"
  repository   = "tms-example/tms"
  alarm_emails = ["oncall@tms.example"]
}

run "production_survives_a_zone_and_a_mistake" {
  command = plan

  assert {
    condition = output.database_safety == {
      odoo = { multi_az = true, deletion_protection = true, backup_days = 35, public = false }
      gps  = { multi_az = true, deletion_protection = true, backup_days = 35, public = false }
    }
    error_message = "Production's databases have a standby, backups for five weeks and protection, and are not public."
  }
}

run "production_copies_its_files_every_hour" {
  command = plan

  assert {
    condition     = output.files_copied == "cron(0 * * * ? *)"
    error_message = "docs/runbooks/recovery.md promises to lose at most an hour of files."
  }
}

run "production_answers_where_the_pipelines_expect_it" {
  command = plan

  assert {
    condition     = output.cluster == "tms-production" && module.environment.namespace == "tms-production"
    error_message = "The pipelines deploy into tms-production of the cluster tms-production."
  }

  assert {
    condition     = output.urls == { odoo = "https://production.tms.example", gps = "https://gps.production.tms.example" }
    error_message = "The ingresses of kube/cloud name these hosts."
  }
}
