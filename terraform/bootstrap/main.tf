# What both environments share: the state of Terraform, the registry of images, the way in for GitHub, the DNS zone.

data "aws_caller_identity" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  components = ["tms-odoo", "gps-ingestion-service"]
}

resource "aws_kms_key" "shared" {
  description         = "Terraform's state and the images"
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # Who may use the key is said in the roles' policies, as for everything else.
      Sid       = "AccountDecides"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "shared" {
  name          = "alias/tms-shared"
  target_key_id = aws_kms_key.shared.id
}

module "state" {
  source = "../modules/bucket"

  name        = "tms-terraform-state-${local.account}"
  kms_key_arn = aws_kms_key.shared.arn
  # A state that was damaged weeks ago has to be found again.
  keep_old_versions_days = 365
}

module "registry" {
  source = "../modules/registry"

  components  = local.components
  kms_key_arn = aws_kms_key.shared.arn
}

# The registry's own scanner looks at packages of the operating system alone, once they are pushed and when a pipeline or
# the daily re-scan asks. What pip installed is Trivy's and pip-audit's to find. ENHANCED looks at both, at a price.
resource "aws_ecr_registry_scanning_configuration" "this" {
  scan_type = "BASIC"

  rule {
    scan_frequency = "SCAN_ON_PUSH"

    repository_filter {
      filter      = "*"
      filter_type = "WILDCARD"
    }
  }
}

resource "aws_route53_zone" "this" {
  #checkov:skip=CKV2_AWS_38:the zone is delegated by a registrar that is not part of this account; sign it once delegated
  #checkov:skip=CKV2_AWS_39:queries name the hosts that certificates publish anyway
  name = var.domain

  lifecycle {
    prevent_destroy = true
  }
}

module "github" {
  source = "../modules/oidc"

  repository            = var.repository
  repository_ids        = var.repository_ids
  roles                 = local.roles
  use_existing_provider = var.use_existing_oidc_provider
}
