output "objects" {
  description = "The objects, once they are there."
  value       = var.objects

  depends_on = [helm_release.this]
}
