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

output "trusted" {
  description = "Provider whose tokens each role trusts, by name."
  value = {
    for name, role in aws_iam_role.this :
    name => jsondecode(role.assume_role_policy).Statement[0].Principal.Federated
  }
}

output "policies" {
  description = "What each role may do besides its managed policy, by name."
  value       = { for name, policy in aws_iam_role_policy.this : name => policy.policy }
}
