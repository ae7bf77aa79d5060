output "cluster" {
  description = "Name of the cluster, for `aws eks update-kubeconfig --name`."
  value       = module.environment.cluster.name
}

output "urls" {
  description = "Addresses of the two components."
  value       = module.environment.urls
}

output "bucket_names" {
  description = "Buckets, by purpose."
  value       = module.environment.bucket_names
}

output "database_safety" {
  description = "What keeps the databases' data."
  value       = module.environment.database_safety
}

output "files_copied" {
  description = "When Odoo's files are copied to S3."
  value       = module.environment.files_copied
}
