output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Address of its API."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "Certificate that signs the API's, base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "Group of nodes and pods."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "token_issuer" {
  description = "Issuer of the service accounts' tokens, as AWS knows it."
  value = {
    provider_arn = aws_iam_openid_connect_provider.this.arn
    host         = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  }
}
