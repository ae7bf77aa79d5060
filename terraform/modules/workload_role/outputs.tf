output "arn" {
  description = "ARN of the role, once it may do what it is for."
  value       = aws_iam_role.this.arn

  # Who asks for a role's credentials at once would be refused, and not all ask again.
  depends_on = [aws_iam_role_policy.this, aws_iam_role_policy_attachment.this]
}

output "trust" {
  description = "Who may assume the role."
  value       = local.trust
}

output "policy" {
  description = "What the role may do."
  value       = one(aws_iam_role_policy.this[*].policy)
}
