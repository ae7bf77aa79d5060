output "odoo_volume" {
  description = "Odoo's files as the EFS CSI driver names them."
  value       = "${aws_efs_file_system.this.id}::${aws_efs_access_point.odoo.id}"
}

output "bucket_names" {
  description = "Buckets, by purpose."
  value       = { attachments = module.attachments.name, archive = module.archive.name }
}

output "archive_arn" {
  description = "Bucket of what is kept for years."
  value       = module.archive.arn
}
