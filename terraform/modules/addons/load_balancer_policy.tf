# What the load-balancer controller does, without the parts for WAF, Shield and Cognito, which are off. It makes
# things with the cluster's tag, and changes and deletes only such.

locals {
  load_balancer_tag = "elbv2.k8s.aws/cluster"

  made_for_the_cluster  = { StringEquals = { "aws:RequestTag/${local.load_balancer_tag}" = [var.cluster_name] } }
  owned_by_the_cluster  = { StringEquals = { "aws:ResourceTag/${local.load_balancer_tag}" = [var.cluster_name] } }
  ec2_security_group    = "arn:aws:ec2:${var.region}:${var.account}:security-group/*"
  balancers_and_targets = [for kind in ["loadbalancer/*", "targetgroup/*"] : "arn:aws:elasticloadbalancing:${var.region}:${var.account}:${kind}"]
  listeners_and_rules   = [for kind in ["listener/*", "listener-rule/*"] : "arn:aws:elasticloadbalancing:${var.region}:${var.account}:${kind}"]

  load_balancer_statements = [
    {
      Sid    = "Look"
      Effect = "Allow"
      Action = [
        "acm:DescribeCertificate",
        "acm:ListCertificates",
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAddresses",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeCoipPools",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeIpamPools",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVpcPeeringConnections",
        "ec2:DescribeVpcs",
        "ec2:GetSecurityGroupsForVpc",
        "elasticloadbalancing:DescribeCapacityReservation",
        "elasticloadbalancing:DescribeListenerAttributes",
        "elasticloadbalancing:DescribeListenerCertificates",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeSSLPolicies",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeTrustStores",
      ]
      Resource = ["*"]
    },
    {
      Sid       = "FirstUse"
      Effect    = "Allow"
      Action    = ["iam:CreateServiceLinkedRole"]
      Resource  = ["arn:aws:iam::${var.account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"]
      Condition = { StringEquals = { "iam:AWSServiceName" = ["elasticloadbalancing.amazonaws.com"] } }
    },
    {
      Sid      = "MakeSecurityGroups"
      Effect   = "Allow"
      Action   = ["ec2:CreateSecurityGroup"]
      Resource = ["arn:aws:ec2:${var.region}:${var.account}:vpc/${var.vpc_id}", local.ec2_security_group]
    },
    {
      Sid      = "TagNewSecurityGroups"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"]
      Resource = [local.ec2_security_group]
      Condition = merge(local.made_for_the_cluster, {
        StringEquals = merge(local.made_for_the_cluster.StringEquals, { "ec2:CreateAction" = ["CreateSecurityGroup"] })
      })
    },
    {
      Sid    = "KeepSecurityGroups"
      Effect = "Allow"
      Action = [
        "ec2:CreateTags",
        "ec2:DeleteSecurityGroup",
        "ec2:DeleteTags",
      ]
      Resource  = [local.ec2_security_group]
      Condition = local.owned_by_the_cluster
    },
    {
      # Of the cluster's own group too, which lets the balancers in and has EKS's tag.
      Sid       = "LetBalancersIn"
      Effect    = "Allow"
      Action    = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
      Resource  = [local.ec2_security_group]
      Condition = { ArnEquals = { "ec2:Vpc" = ["arn:aws:ec2:${var.region}:${var.account}:vpc/${var.vpc_id}"] } }
    },
    {
      Sid       = "MakeBalancers"
      Effect    = "Allow"
      Action    = ["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"]
      Resource  = local.balancers_and_targets
      Condition = local.made_for_the_cluster
    },
    {
      Sid    = "KeepBalancers"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetIpAddressType",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetSubnets",
      ]
      Resource  = local.balancers_and_targets
      Condition = local.owned_by_the_cluster
    },
    {
      Sid       = "TagNewBalancers"
      Effect    = "Allow"
      Action    = ["elasticloadbalancing:AddTags"]
      Resource  = concat(local.balancers_and_targets, local.listeners_and_rules)
      Condition = local.made_for_the_cluster
    },
    {
      Sid    = "KeepListeners"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:ModifyListener",
        "elasticloadbalancing:ModifyListenerAttributes",
        "elasticloadbalancing:ModifyRule",
        "elasticloadbalancing:RemoveListenerCertificates",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:SetRulePriorities",
      ]
      Resource  = local.listeners_and_rules
      Condition = local.owned_by_the_cluster
    },
  ]
}
