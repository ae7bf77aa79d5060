output "identifier" {
  description = "Name of the instance."
  value       = aws_db_instance.this.identifier
}

output "address" {
  description = "Host name of the instance."
  value       = aws_db_instance.this.address
}

output "administrator_secret_arn" {
  description = "Secret that holds the administrator's name and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "safety" {
  description = "What keeps the data: for tests of an environment."
  value = {
    multi_az            = aws_db_instance.this.multi_az
    deletion_protection = aws_db_instance.this.deletion_protection
    backup_days         = aws_db_instance.this.backup_retention_period
    public              = aws_db_instance.this.publicly_accessible
  }
}
