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

run "staging_answers_where_the_pipelines_test_it" {
  command = plan

  assert {
    condition     = output.cluster == "tms-staging" && module.environment.namespace == "tms-staging"
    error_message = "The pipelines deploy into tms-staging of the cluster tms-staging."
  }

  assert {
    condition     = output.urls == { odoo = "https://staging.tms.example", gps = "https://gps.staging.tms.example" }
    error_message = "The ingresses of kube/cloud name these hosts."
  }
}

run "staging_can_be_restored_too" {
  command = plan

  assert {
    condition     = alltrue([for database in output.database_safety : database.backup_days >= 7 && !database.public])
    error_message = "What is rehearsed in staging has to be there in staging."
  }
}
