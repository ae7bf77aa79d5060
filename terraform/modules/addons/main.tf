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
  version    = "3.5.0"
  atomic     = true

  values = [yamlencode({
    clusterName  = var.cluster_name
    region       = var.region
    vpcId        = var.vpc_id
    replicaCount = 2
    enableShield = false
    # Balancers, target groups and security groups: the other environment is fenced off by it.
    defaultTags    = { Environment = var.environment }
    enableWaf      = false
    enableWafv2    = false
    serviceAccount = { name = "aws-load-balancer-controller" }
    # It must not stand in the way of Services that are none of its business while it starts.
    enableServiceMutatorWebhook = false
  })]

  depends_on = [module.load_balancer_role]
}

module "autoscaler_role" {
  source = "../workload_role"

  name                     = "autoscaler"
  cluster_name             = var.cluster_name
  namespace                = "kube-system"
  service_account          = "cluster-autoscaler"
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [
    {
      Sid    = "SeeGroupsAndTypes"
      Effect = "Allow"
      Action = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetInstanceTypesFromInstanceRequirements",
        "eks:DescribeNodegroup",
      ]
      Resource = ["*"]
    },
    {
      # EKS puts this tag on the groups behind its node groups.
      Sid       = "ScaleItsOwn"
      Effect    = "Allow"
      Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
      Resource  = ["*"]
      Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster_name}" = ["owned"] } }
    },
  ]
}

# Adds a node where a pod finds no place, and takes away what stands idle.
resource "helm_release" "autoscaler" {
  name       = "cluster-autoscaler"
  namespace  = "kube-system"
  repository = "https://kubernetes.github.io/autoscaler"
  chart      = "cluster-autoscaler"
  # Its program is of the minor version of the cluster, and simulates that one's scheduler.
  version = "9.59.0"
  atomic  = true

  values = [yamlencode({
    autoDiscovery = { clusterName = var.cluster_name }
    awsRegion     = var.region
    rbac          = { serviceAccount = { name = "cluster-autoscaler" } }

    extraArgs = {
      balance-similar-node-groups = true
      # Pods keep what they write for a moment in emptyDir; without this no node of ours were ever idle.
      skip-nodes-with-local-storage = false
    }

    resources = {
      requests = { cpu = "20m", memory = "128Mi" }
      limits   = { memory = "512Mi" }
    }
  })]

  depends_on = [module.autoscaler_role]
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
      # The zone holds the other environment's hosts as well. "a-" and the like begin the records in which external-dns
      # notes what is its own.
      Sid      = "KeepItsRecords"
      Effect   = "Allow"
      Action   = ["route53:ChangeResourceRecordSets"]
      Resource = ["arn:aws:route53:::hostedzone/${var.zone_id}"]
      Condition = {
        "ForAllValues:StringLike" = {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames" = [var.host, "*.${var.host}", "*-${var.host}"]
        }
      }
    },
    {
      Sid      = "ReadTheZone"
      Effect   = "Allow"
      Action   = ["route53:ListResourceRecordSets", "route53:ListTagsForResource"]
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

# Writes the addresses of the ingresses' hosts, and of the trackers' balancer, into the zone.
resource "helm_release" "dns" {
  name       = "external-dns"
  namespace  = "kube-system"
  repository = "https://kubernetes-sigs.github.io/external-dns/"
  chart      = "external-dns"
  version    = "1.21.1"
  atomic     = true

  values = [yamlencode({
    provider       = { name = "aws" }
    policy         = "sync"
    txtOwnerId     = var.cluster_name
    sources        = ["ingress", "service"]
    domainFilters  = [var.host]
    serviceAccount = { name = "external-dns" }
    # The zone is of the domain, which is above the host.
    extraArgs = ["--aws-zone-type=public", "--aws-zone-match-parent"]
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
  version          = "2.8.0"
  atomic           = true

  values = [yamlencode({
    replicaCount = 2
    leaderElect  = true
    # Nothing here writes secrets back, or makes stores for the whole cluster but the one of the bindings.
    processPushSecret = false
  })]

  depends_on = [helm_release.load_balancers]
}
