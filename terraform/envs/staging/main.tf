# Like production in everything but what costs money: sizes, standbys and how long things are kept.

module "environment" {
  source = "../../modules/environment"

  environment = "staging"

  cidr            = "10.10.0.0/16"
  one_nat_gateway = true

  node_type  = "t3.large"
  node_zones = 2

  nodes_per_zone = { min = 1, max = 2 }

  databases = {
    odoo = { instance_class = "db.t4g.medium", storage_gb = 20 }
    gps  = { instance_class = "db.t4g.medium", storage_gb = 20 }
  }

  multi_az     = false
  backup_days  = 7
  files_copied = "cron(0 21 * * ? *)"
  protected    = false
  metrics_gb   = 20
  log_days     = 30

  domain             = var.domain
  repository         = var.repository
  alarm_emails       = var.alarm_emails
  administrator_arns = var.administrator_arns
  password_round     = var.password_round
}
