# A role for pods: of one service account, through EKS Pod Identity or, where another program asks for the
# credentials in the account's name (External Secrets does), through the cluster's token issuer.

locals {
  subject = "system:serviceaccount:${var.namespace}:${var.service_account}"

  trust = var.token_issuer == null ? {
    Effect    = "Allow"
    Action    = ["sts:AssumeRole", "sts:TagSession"]
    Principal = { Service = "pods.eks.amazonaws.com" }
    Condition = {
      StringEquals = {
        "aws:RequestTag/eks-cluster-name"           = var.cluster_name
        "aws:RequestTag/kubernetes-namespace"       = var.namespace
        "aws:RequestTag/kubernetes-service-account" = var.service_account
      }
    }
    } : {
    Effect    = "Allow"
    Action    = ["sts:AssumeRoleWithWebIdentity"]
    Principal = { Federated = var.token_issuer.provider_arn }
    Condition = {
      StringEquals = {
        "${var.token_issuer.host}:aud" = "sts.amazonaws.com"
        "${var.token_issuer.host}:sub" = local.subject
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = "${var.cluster_name}-${var.name}"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy   = jsonencode({ Version = "2012-10-17", Statement = [local.trust] })
}

resource "aws_iam_role_policy" "this" {
  count = length(var.statements) > 0 ? 1 : 0

  name   = "purpose"
  role   = aws_iam_role.this.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [for s in var.statements : { for k, v in s : k => v if v != null }] })
}

resource "aws_iam_role_policy_attachment" "this" {
  count = var.managed_policy_arn == null ? 0 : 1

  role       = aws_iam_role.this.name
  policy_arn = var.managed_policy_arn
}

resource "aws_eks_pod_identity_association" "this" {
  count = var.token_issuer == null && !var.associated_by_addon ? 1 : 0

  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.this.arn
}
