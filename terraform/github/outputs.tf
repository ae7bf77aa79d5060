output "environments" {
  description = "Environments, and who approves what runs in them."
  value       = { for name, environment in local.environments : name => environment.approvers }
}
