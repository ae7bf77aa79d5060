output "repository_arns" {
  description = "ARNs of the repositories of images, by component."
  value       = { for name, repository in aws_ecr_repository.image : name => repository.arn }
}

output "cache_arns" {
  description = "ARNs of the repositories of layers, by component."
  value       = { for name, repository in aws_ecr_repository.cache : name => repository.arn }
}
