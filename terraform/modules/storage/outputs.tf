output "odoo_volume" {
  description = "Odoo's files as the EFS CSI driver names them."
  value       = "${aws_efs_file_system.this.id}::${aws_efs_access_point.odoo.id}"
}

output "file_system_id" {
  description = "The file system."
  value       = aws_efs_file_system.this.id
}

output "bucket_arns" {
  description = "Buckets, by purpose."
  value       = { attachments = module.attachments.arn, archive = module.archive.arn }
}

output "bucket_names" {
  description = "Buckets, by purpose."
  value       = { attachments = module.attachments.name, archive = module.archive.name }
}
