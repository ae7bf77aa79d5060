# Objects of kinds that an add-on brings. Terraform's Kubernetes provider asks the cluster for their schema while it
# plans, which fails as long as there is no cluster; a release is made when its turn comes.

resource "helm_release" "this" {
  name      = var.name
  namespace = var.namespace
  chart     = "${path.module}/chart"
  atomic    = true
  values    = [yamlencode({ objects = var.objects })]
}
