output "arns" {
  description = "ARNs of the entries, by name; once they have values."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }

  depends_on = [terraform_data.values]
}
