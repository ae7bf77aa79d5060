output "cluster" {
  description = "How to reach the cluster."
  value = {
    name                  = module.cluster.name
    endpoint              = module.cluster.endpoint
    certificate_authority = module.cluster.certificate_authority
  }
}

output "namespace" {
  description = "Namespace that the pipelines deploy into."
  value       = module.bindings.namespace
}

output "urls" {
  description = "Addresses of the two components."
  value       = { odoo = "https://${local.odoo_host}", gps = "https://${local.gps_host}" }
}

output "bucket_names" {
  description = "Buckets, by purpose."
  value       = module.storage.bucket_names
}

output "database_safety" {
  description = "What keeps the databases' data."
  value       = { for component, database in module.database : component => database.safety }
}

output "files_copied" {
  description = "When Odoo's files are copied to S3."
  value       = module.storage.copy_schedule
}
