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

output "copies" {
  description = "What copies the files, for alarms: the task that copies to S3, and the file system that AWS Backup saves."
  value       = { task_arn = aws_datasync_task.copy.arn, file_system_arn = aws_efs_file_system.this.arn }
}

output "copy_schedule" {
  description = "When the files are copied to S3: their RPO, for tests of an environment."
  value       = aws_datasync_task.copy.schedule[0].schedule_expression
}
