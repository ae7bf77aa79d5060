output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "lifecycle" {
  description = "Days until objects move to cheaper storage and until they are deleted, for tests of what uses the bucket."
  value = {
    for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
    rule.id => concat(rule.transition[*].days, rule.expiration[*].days)
    if rule.id != "old-versions"
  }
}

output "arn" {
  description = "ARN of the bucket."
  value       = "arn:aws:s3:::${var.name}"
}
