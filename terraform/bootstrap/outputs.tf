output "state_bucket" {
  description = "Bucket of Terraform's state, for `terraform init -backend-config=bucket=...`."
  value       = module.state.name
}

output "region" {
  description = "AWS region."
  value       = var.region
}

output "repository" {
  description = "GitHub repository, owner/name."
  value       = var.repository
}

output "domain" {
  description = "Domain of the environments."
  value       = var.domain
}

output "ecr_registry" {
  description = "Host of the registry that images are pushed to."
  value       = "${local.account}.dkr.ecr.${var.region}.amazonaws.com"
}

output "role_arns" {
  description = "Roles that GitHub's jobs assume, by purpose."
  value       = module.github.role_arns
}

output "name_servers" {
  description = "Name servers to which the registrar has to delegate the domain."
  value       = aws_route53_zone.this.name_servers
}

output "manual_deployment_policy_arns" {
  description = "Policies for the role of a person who deploys by hand while the pipeline is broken, by environment."
  value       = { for environment, policy in aws_iam_policy.manual_deployment : environment => policy.arn }
}
