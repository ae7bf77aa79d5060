# Answers of AWS for tests: values whose form matters to what is computed from them.

mock_data "aws_caller_identity" {
  override_during = plan
  defaults        = { account_id = "123456789012" }
}

mock_data "aws_region" {
  override_during = plan
  defaults        = { region = "ap-south-1" }
}

mock_data "aws_availability_zones" {
  override_during = plan
  defaults        = { names = ["ap-south-1a", "ap-south-1b", "ap-south-1c"] }
}

mock_data "aws_route53_zone" {
  override_during = plan
  defaults        = { zone_id = "Z0123456789" }
}

mock_resource "aws_kms_key" {
  override_during = plan
  defaults        = { arn = "arn:aws:kms:ap-south-1:123456789012:key/test" }
}

mock_resource "aws_eks_cluster" {
  override_during = plan
  defaults = {
    identity              = [{ oidc = [{ issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/ABC" }] }]
    certificate_authority = [{ data = "dGVzdA==" }]
    endpoint              = "https://cluster.example"
  }
}

mock_resource "aws_db_instance" {
  override_during = plan
  defaults = {
    address            = "database.example"
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:rds!db-1" }]
  }
}

mock_resource "aws_acm_certificate" {
  override_during = plan
  defaults        = { domain_validation_options = [] }
}
