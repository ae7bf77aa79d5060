output "arn" {
  description = "ARN of the role."
  value       = aws_iam_role.this.arn
}

output "trust" {
  description = "Who may assume the role."
  value       = local.trust
}

output "policy" {
  description = "What the role may do."
  value       = one(aws_iam_role_policy.this[*].policy)
}
