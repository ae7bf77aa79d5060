# EKS's own add-ons, in versions that belong to the cluster's: `aws eks describe-addon-versions --kubernetes-version`
# lists them. Change them together with `kubernetes_version`.

locals {
  addons = {
    vpc-cni                = { version = "v1.20.4-eksbuild.2", before_nodes = true, service_account = "aws-node", role = module.network_role.arn }
    kube-proxy             = { version = "v1.34.0-eksbuild.4", before_nodes = true, service_account = null, role = null }
    eks-pod-identity-agent = { version = "v1.3.10-eksbuild.2", before_nodes = true, service_account = null, role = null }
    coredns                = { version = "v1.12.3-eksbuild.1", before_nodes = false, service_account = null, role = null }
    metrics-server         = { version = "v0.8.0-eksbuild.6", before_nodes = false, service_account = null, role = null }
    aws-efs-csi-driver     = { version = "v2.1.13-eksbuild.1", before_nodes = false, service_account = "efs-csi-controller-sa", role = module.files_role.arn }
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = { for name, addon in local.addons : name => addon if addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value.version
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.role == null ? [] : [each.value]

    content {
      role_arn        = pod_identity_association.value.role
      service_account = pod_identity_association.value.service_account
    }
  }
}

resource "aws_eks_addon" "on_nodes" {
  for_each = { for name, addon in local.addons : name => addon if !addon.before_nodes }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = each.value.version
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.role == null ? [] : [each.value]

    content {
      role_arn        = pod_identity_association.value.role
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
