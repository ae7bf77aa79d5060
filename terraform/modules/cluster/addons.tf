# EKS's own add-ons, each in the version that AWS makes the default for the cluster's version of Kubernetes: one that
# is written down here is withdrawn some day, and then nothing can be made from nothing. A plan shows when it changes.

locals {
  # On what is made on the cluster's behalf: the other environment is fenced off by it (terraform/bootstrap).
  made_tags = { Environment = var.environment }

  addons = {
    vpc-cni = {
      before_nodes = true
      identity     = { service_account = "aws-node", role_arn = module.network_role.arn }
      settings = {
        # Without it nothing enforces a NetworkPolicy.
        enableNetworkPolicy = "true"
        env                 = { ADDITIONAL_ENI_TAGS = jsonencode(local.made_tags) }
      }
    }
    kube-proxy             = { before_nodes = true, identity = null, settings = null }
    eks-pod-identity-agent = { before_nodes = true, identity = null, settings = null }
    coredns                = { before_nodes = false, identity = null, settings = null }
    metrics-server         = { before_nodes = false, identity = null, settings = null }
    aws-ebs-csi-driver = {
      before_nodes = false
      identity     = { service_account = "ebs-csi-controller-sa", role_arn = module.volumes_role.arn }
      settings     = { controller = { extraVolumeTags = local.made_tags } }
    }
    aws-efs-csi-driver = {
      before_nodes = false
      identity     = { service_account = "efs-csi-controller-sa", role_arn = module.files_role.arn }
      settings     = null
    }
  }
}

data "aws_eks_addon_version" "this" {
  for_each = local.addons

  addon_name         = each.key
  kubernetes_version = var.kubernetes_version
}

resource "aws_eks_addon" "before_nodes" {
  for_each = { for name, addon in local.addons : name => addon if addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.this[each.key].version
  configuration_values        = each.value.settings == null ? null : jsonencode(each.value.settings)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.identity[*]

    content {
      role_arn        = pod_identity_association.value.role_arn
      service_account = pod_identity_association.value.service_account
    }
  }
}

resource "aws_eks_addon" "on_nodes" {
  for_each = { for name, addon in local.addons : name => addon if !addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = data.aws_eks_addon_version.this[each.key].version
  configuration_values        = each.value.settings == null ? null : jsonencode(each.value.settings)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.identity[*]

    content {
      role_arn        = pod_identity_association.value.role_arn
      service_account = pod_identity_association.value.service_account
    }
  }

  depends_on = [aws_eks_node_group.this]
}

module "network_role" {
  source = "../workload_role"

  name                     = "network"
  cluster_name             = var.name
  namespace                = "kube-system"
  service_account          = "aws-node"
  managed_policy_arn       = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
  associated_by_addon      = true
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "files_role" {
  source = "../workload_role"

  name                     = "files"
  cluster_name             = var.name
  namespace                = "kube-system"
  service_account          = "efs-csi-controller-sa"
  managed_policy_arn       = "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy"
  associated_by_addon      = true
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}

module "volumes_role" {
  source = "../workload_role"

  name                     = "volumes"
  cluster_name             = var.name
  namespace                = "kube-system"
  service_account          = "ebs-csi-controller-sa"
  managed_policy_arn       = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
  associated_by_addon      = true
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
}
