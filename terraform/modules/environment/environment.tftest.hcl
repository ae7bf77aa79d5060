mock_provider "aws" {
  override_during = plan
  source          = "./mocks"
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
  environment        = "production"
  domain             = "tms.example"
  repository         = "tms-example/tms"
  administrator_arns = []
  alarm_emails       = ["oncall@tms.example"]
  cidr               = "10.20.0.0/16"
  one_nat_gateway    = false
  node_type          = "m6i.large"
  node_zones         = 3
  nodes_per_zone     = { min = 1, max = 3 }
  multi_az           = true
  backup_days        = 35
  files_copied       = "cron(0 * * * ? *)"
  protected          = true
  log_days           = 365
  metrics_gb         = 50

  databases = {
    odoo = { instance_class = "db.m6g.large", storage_gb = 100 }
    gps  = { instance_class = "db.m6g.large", storage_gb = 200 }
  }
}

run "a_domain_that_the_manifests_do_not_name_is_refused" {
  command = plan

  variables {
    domain = "other.example"
  }

  expect_failures = [aws_acm_certificate.this]
}

run "what_is_no_certificate_is_not_trusted" {
  command = plan

  override_data {
    target          = data.http.database_ca
    override_during = plan
    values          = { status_code = 403, response_body = "<Error>" }
  }

  expect_failures = [data.http.database_ca]
}
