# What the customer works with: standbys in another zone, backups for five weeks, nothing that an apply could delete.

module "environment" {
  source = "../../modules/environment"

  environment = "production"

  cidr            = "10.20.0.0/16"
  one_nat_gateway = false

  node_type  = "m6i.large"
  node_zones = 3

  nodes_per_zone = { min = 1, max = 3 }

  databases = {
    odoo = { instance_class = "db.m6g.large", storage_gb = 100 }
    gps  = { instance_class = "db.m6g.large", storage_gb = 200 }
  }

  multi_az     = true
  backup_days  = 35
  files_copied = "cron(0 * * * ? *)" # every hour, the most that DataSync does
  protected    = true
  metrics_gb   = 50
  log_days     = 365

  domain             = var.domain
  repository         = var.repository
  alarm_emails       = var.alarm_emails
  administrator_arns = var.administrator_arns
  password_round     = var.password_round
}
