output "role_arns" {
  description = "ARNs of the roles, by name."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}

output "subjects" {
  description = "Who may assume each role, by name."
  value = {
    for name, role in aws_iam_role.this :
    name => jsondecode(role.assume_role_policy).Statement[0].Condition
  }
}
