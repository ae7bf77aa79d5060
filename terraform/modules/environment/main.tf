# One environment: everything between a bare account and a namespace that the pipelines deploy into.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_route53_zone" "this" {
  name = var.domain
}

locals {
  name    = "tms-${var.environment}"
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region

  # Made by terraform/bootstrap, under these names.
  role_path      = "/tms/${var.environment}/"
  boundary_arn   = "arn:aws:iam::${local.account}:policy/${local.name}-boundary"
  deployer_arn   = "arn:aws:iam::${local.account}:role/tms-deploy-${var.environment}"
  applier_arn    = "arn:aws:iam::${local.account}:role/tms-infrastructure-${var.environment}"
  deployer_group = "tms-deployers"

  repository_url = "https://github.com/${var.repository}/blob/main/"
}

module "network" {
  source = "../network"

  name                     = local.name
  cidr                     = var.cidr
  one_nat_gateway          = var.one_nat_gateway
  log_days                 = var.log_days
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn
}

module "cluster" {
  source = "../cluster"

  name                     = local.name
  environment              = var.environment
  subnet_ids               = module.network.private_subnet_ids
  node_type                = var.node_type
  node_zones               = var.node_zones
  nodes_per_zone           = var.nodes_per_zone
  deletion_protection      = var.protected
  administrator_arns       = concat([local.applier_arn], var.administrator_arns)
  deployer_arn             = local.deployer_arn
  deployer_group           = local.deployer_group
  namespace                = local.name
  log_days                 = var.log_days
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn
}

module "database" {
  source   = "../database"
  for_each = var.databases

  name                     = "${local.name}-${each.key}"
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  instance_class           = each.value.instance_class
  storage_gb               = each.value.storage_gb
  multi_az                 = var.multi_az
  backup_days              = var.backup_days
  log_days                 = var.log_days
  deletion_protection      = var.protected
  monitoring_role_arn      = aws_iam_role.monitoring.arn
  kms_key_arn              = aws_kms_key.this.arn
}

module "storage" {
  source = "../storage"

  name                     = local.name
  account                  = local.account
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.private_subnet_ids
  copy_schedule            = var.files_copied
  copy_subnet_arn          = "arn:aws:ec2:${local.region}:${local.account}:subnet/${module.network.private_subnet_ids[0]}"
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn
}

module "secrets" {
  source = "../secrets"

  environment = var.environment
  region      = local.region
  kms_key_arn = aws_kms_key.this.arn
}

module "observability" {
  source = "../observability"

  name        = local.name
  account     = local.account
  databases   = [for database in module.database : database.identifier]
  copies      = module.storage.copies
  emails      = var.alarm_emails
  runbook     = "${local.repository_url}docs/runbooks/alerts.md"
  kms_key_arn = aws_kms_key.this.arn
}

module "addons" {
  source = "../addons"

  cluster_name             = module.cluster.name
  environment              = var.environment
  region                   = local.region
  account                  = local.account
  vpc_id                   = module.network.vpc_id
  host                     = local.odoo_host
  zone_id                  = data.aws_route53_zone.this.zone_id
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn

  depends_on = [module.cluster]
}

module "watch" {
  source = "../watch"

  cluster_name             = module.cluster.name
  cluster_endpoint         = module.cluster.endpoint
  environment              = var.environment
  region                   = local.region
  repository_url           = local.repository_url
  alarm_topic_arn          = module.observability.alarm_topic_arn
  heartbeat_topic_arn      = module.observability.heartbeat_topic_arn
  metrics_gb               = var.metrics_gb
  log_days                 = var.log_days
  token_issuer             = module.cluster.token_issuer
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn

  # The namespace that the rules are in is made by the bindings.
  depends_on = [module.addons, module.bindings]
}

module "bindings" {
  source = "../bindings"

  namespace                = local.name
  cluster_name             = local.name
  region                   = local.region
  database_addresses       = { for component, database in module.database : component => database.address }
  database_ca              = data.http.database_ca.response_body
  odoo_volume              = module.storage.odoo_volume
  secret_arns              = module.secrets.arns
  archive_arn              = module.storage.archive_arn
  deployer_group           = local.deployer_group
  token_issuer             = module.cluster.token_issuer
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn

  depends_on = [module.addons]
}

module "database_roles" {
  source = "../database_roles"

  cluster_name             = local.name
  region                   = local.region
  database_addresses       = { for component, database in module.database : component => database.address }
  database_ca              = data.http.database_ca.response_body
  administrator_arns       = { for component, database in module.database : component => database.administrator_secret_arn }
  passwords_arn            = module.secrets.arns.database
  round                    = var.password_round
  token_issuer             = module.cluster.token_issuer
  kms_key_arn              = aws_kms_key.this.arn
  role_path                = local.role_path
  permissions_boundary_arn = local.boundary_arn

  depends_on = [module.addons]
}
