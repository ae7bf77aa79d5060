# What the manifests in kube/cloud count on and EKS has no add-on for, as charts of exact versions.

module "load_balancer_role" {
  source = "../workload_role"

  name                     = "load-balancers"
  cluster_name             = var.cluster_name
  namespace                = "kube-system"
  service_account          = "aws-load-balancer-controller"
  statements               = local.load_balancer_statements
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}

resource "helm_release" "load_balancers" {
  name       = "aws-load-balancer-controller"
  namespace  = "kube-system"
  repository = "https://aws.github.io/eks-charts"
  chart      = "aws-load-balancer-controller"
  version    = "1.14.0"
  atomic     = true

  values = [yamlencode({
    clusterName    = var.cluster_name
    region         = var.region
    vpcId          = var.vpc_id
    replicaCount   = 2
    enableShield   = false
    enableWaf      = false
    enableWafv2    = false
    serviceAccount = { name = "aws-load-balancer-controller" }
    # It must not stand in the way of Services that are none of its business while it starts.
    enableServiceMutatorWebhook = false
  })]

  depends_on = [module.load_balancer_role]
}

module "dns_role" {
  source = "../workload_role"

  name                     = "dns"
  cluster_name             = var.cluster_name
  namespace                = "kube-system"
  service_account          = "external-dns"
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid      = "KeepItsRecords"
      Effect   = "Allow"
      Action   = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:ListTagsForResource"]
      Resource = ["arn:aws:route53:::hostedzone/${var.zone_id}"]
    },
    {
      Sid      = "FindTheZone"
      Effect   = "Allow"
      Action   = ["route53:ListHostedZones"]
      Resource = ["*"]
    },
  ]
}

# Writes the addresses of the ingresses' hosts into the zone.
resource "helm_release" "dns" {
  name       = "external-dns"
  namespace  = "kube-system"
  repository = "https://kubernetes-sigs.github.io/external-dns/"
  chart      = "external-dns"
  version    = "1.19.0"
  atomic     = true

  values = [yamlencode({
    provider       = { name = "aws" }
    policy         = "sync"
    txtOwnerId     = var.cluster_name
    sources        = ["ingress", "service"]
    domainFilters  = [var.domain]
    serviceAccount = { name = "external-dns" }
    extraArgs      = ["--aws-zone-type=public"]
  })]

  depends_on = [module.dns_role]
}

# Has no rights in AWS itself: each store names a service account, in whose name it asks.
resource "helm_release" "external_secrets" {
  name             = "external-secrets"
  namespace        = "external-secrets"
  create_namespace = true
  repository       = "https://charts.external-secrets.io"
  chart            = "external-secrets"
  version          = "0.20.4"
  atomic           = true

  values = [yamlencode({
    replicaCount = 2
    leaderElect  = true
    # Nothing here writes secrets back, or makes stores for the whole cluster but the one of the bindings.
    processPushSecret = false
  })]

  depends_on = [helm_release.load_balancers]
}
