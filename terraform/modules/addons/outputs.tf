output "external_secrets_ready" {
  description = "Comes true once External Secrets knows its kinds of objects."
  value       = true

  depends_on = [helm_release.external_secrets]
}
