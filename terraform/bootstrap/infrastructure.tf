# Who applies an environment makes networks, databases and roles, which AWS's PowerUserAccess covers but for the
# roles. The statements below add those, under a boundary, and fence the environment off from the other and from
# what this configuration makes. Two AWS accounts fence better: see docs/decisions/0006.

locals {
  other = { staging = "production", production = "staging" }

  infrastructure = {
    for environment in local.environments : environment => concat(local.fences[environment], [
      {
        Sid    = "ReadRoles"
        Effect = "Allow"
        Action = [
          "iam:GetOpenIDConnectProvider",
          "iam:GetPolicy",
          "iam:GetPolicyVersion",
          "iam:GetRole",
          "iam:GetRolePolicy",
          "iam:ListAttachedRolePolicies",
          "iam:ListInstanceProfilesForRole",
          "iam:ListOpenIDConnectProviders",
          "iam:ListRolePolicies",
        ]
        Resource = ["*"]
      },
      {
        Sid    = "MakeBoundedRoles"
        Effect = "Allow"
        Action = [
          "iam:AttachRolePolicy",
          "iam:CreateRole",
          "iam:DeleteRolePolicy",
          "iam:DetachRolePolicy",
          "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy",
        ]
        Resource  = ["arn:aws:iam::${local.account}:role/tms/${environment}/*"]
        Condition = { StringEquals = { "iam:PermissionsBoundary" = [local.boundary_arns[environment]] } }
      },
      {
        Sid    = "KeepRoles"
        Effect = "Allow"
        Action = [
          "iam:DeleteRole",
          "iam:PassRole",
          "iam:TagRole",
          "iam:UntagRole",
          "iam:UpdateAssumeRolePolicy",
          "iam:UpdateRole",
        ]
        Resource = ["arn:aws:iam::${local.account}:role/tms/${environment}/*"]
      },
      {
        Sid    = "TrustTheCluster"
        Effect = "Allow"
        Action = [
          "iam:CreateOpenIDConnectProvider",
          "iam:DeleteOpenIDConnectProvider",
          "iam:TagOpenIDConnectProvider",
          "iam:UntagOpenIDConnectProvider",
          "iam:UpdateOpenIDConnectProviderThumbprint",
        ]
        Resource = ["arn:aws:iam::${local.account}:oidc-provider/oidc.eks.${var.region}.amazonaws.com/*"]
      },
      {
        Sid      = "LeaveTheImages"
        Effect   = "Deny"
        Action   = ["*"]
        Resource = concat(local.image_arns, local.cache_arns)
      },
    ])
  }

  # What neither whoever applies an environment may do, nor any role that is made there: otherwise a role made for the
  # purpose would be a way around the fence.
  fences = {
    for environment in local.environments : environment => concat(local.tag_fences[environment], [
      {
        Sid      = "FenceOff"
        Effect   = "Deny"
        Action   = ["*"]
        Resource = local.fenced_off[environment]
      },
      {
        Sid    = "LeaveTheStateBucketAndItsKey"
        Effect = "Deny"
        Action = [
          "kms:DisableKey",
          "kms:PutKeyPolicy",
          "kms:ScheduleKeyDeletion",
          "s3:DeleteBucket",
          "s3:DeleteBucketPolicy",
          "s3:DeleteObjectVersion",
          "s3:PutBucketPolicy",
          "s3:PutBucketPublicAccessBlock",
          "s3:PutBucketVersioning",
          "s3:PutEncryptionConfiguration",
          "s3:PutLifecycleConfiguration",
        ]
        Resource = [module.state.arn, "${module.state.arn}/*", aws_kms_key.shared.arn]
      },
      {
        # Whose trust lets the whole account in is nobody's way out.
        Sid         = "AssumeItsOwnRolesAlone"
        Effect      = "Deny"
        Action      = ["sts:AssumeRole"]
        NotResource = ["arn:aws:iam::${local.account}:role/tms/${environment}/*"]
      },
      {
        # Both environments are in one zone: the names of the other, and the domain's own, stay what they are.
        Sid      = "LeaveOtherNames"
        Effect   = "Deny"
        Action   = ["route53:ChangeResourceRecordSets"]
        Resource = ["arn:aws:route53:::hostedzone/*"]
        Condition = {
          "ForAnyValue:StringNotLike" = {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames" = [
              for form in ["", "*.", "*-"] : "${form}${environment}.${var.domain}"
            ]
          }
        }
      },
      {
        Sid      = "LeaveTheZone"
        Effect   = "Deny"
        Action   = ["route53:DeleteHostedZone"]
        Resource = ["arn:aws:route53:::hostedzone/*"]
      },
    ])
  }

  # Terraform's tag is on what Terraform makes. What EKS, its controllers and RDS make on their own (nodes, their groups
  # and network interfaces, the cluster's security group, balancers, an administrator's secret) carries theirs.
  foreign_tags = {
    for environment, other in local.other : environment => {
      Terraform = { key = "Environment", value = other }
      NodeGroup = { key = "eks:cluster-name", value = "tms-${other}" }
      Eks       = { key = "aws:eks:cluster-name", value = "tms-${other}" }
      Owned     = { key = "kubernetes.io/cluster/tms-${other}", value = "*" }
      Pods      = { key = "cluster.k8s.amazonaws.com/name", value = "tms-${other}" }
      Balancers = { key = "elbv2.k8s.aws/cluster", value = "tms-${other}" }
      Rds       = { key = "aws:rds:primaryDBInstanceArn", value = "arn:aws:rds:*:db:tms-${other}-*" }
    }
  }

  # One statement for each: the conditions of a single one would have to hold together.
  tag_fences = {
    for environment, tags in local.foreign_tags : environment => [
      for name, tag in tags : {
        Sid       = "FenceOffBy${name}"
        Effect    = "Deny"
        Action    = ["*"]
        Resource  = ["*"]
        Condition = { StringLike = { "aws:ResourceTag/${tag.key}" = [tag.value] } }
      }
    ]
  }

  boundary_arns = {
    for environment in local.environments :
    environment => "arn:aws:iam::${local.account}:policy/tms-${environment}-boundary"
  }

  boundary_statements = {
    for environment in local.environments : environment => concat([
      {
        Sid       = "NothingToPeopleAndRoles"
        Effect    = "Allow"
        NotAction = ["iam:*", "organizations:*", "account:*"]
        Resource  = ["*"]
      },
      {
        # The load-balancer controller makes this role on its first use; EKS nodes and RDS have theirs.
        Sid       = "ServiceLinkedRoles"
        Effect    = "Allow"
        Action    = ["iam:CreateServiceLinkedRole"]
        Resource  = ["arn:aws:iam::${local.account}:role/aws-service-role/*"]
        Condition = { StringEquals = { "iam:AWSServiceName" = "elasticloadbalancing.amazonaws.com" } }
      },
      {
        # Nodes pull images; nothing in a cluster makes them.
        Sid    = "LeaveTheImages"
        Effect = "Deny"
        Action = [
          "ecr:BatchDeleteImage",
          "ecr:CompleteLayerUpload",
          "ecr:DeleteLifecyclePolicy",
          "ecr:DeleteRepository",
          "ecr:DeleteRepositoryPolicy",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:PutImageTagMutability",
          "ecr:PutLifecyclePolicy",
          "ecr:SetRepositoryPolicy",
          "ecr:UploadLayerPart",
        ]
        Resource = concat(local.image_arns, local.cache_arns)
      },
    ], local.fences[environment])
  }

  fenced_off = {
    for environment, other in local.other : environment => [
      "arn:aws:eks:${var.region}:${local.account}:cluster/tms-${other}",
      "arn:aws:eks:${var.region}:${local.account}:*/tms-${other}/*",
      "arn:aws:rds:${var.region}:${local.account}:*:tms-${other}-*",
      "arn:aws:secretsmanager:${var.region}:${local.account}:secret:tms/${other}/*",
      "arn:aws:iam::${local.account}:role/tms/${other}/*",
      "arn:aws:s3:::tms-${other}-*",
      "${module.state.arn}/bootstrap/*",
      "${module.state.arn}/github/*",
      "${module.state.arn}/envs/${other}/*",
    ]
  }
}

# The most that a role of a cluster can ever do, whatever its own policy says: nothing to people, roles or the
# organisation, nothing to the other environment.
resource "aws_iam_policy" "boundary" {
  #checkov:skip=CKV_AWS_286:a boundary grants nothing; it keeps all of IAM out of reach
  #checkov:skip=CKV_AWS_287:a boundary grants nothing
  #checkov:skip=CKV_AWS_288:a boundary grants nothing
  #checkov:skip=CKV_AWS_289:a boundary grants nothing
  #checkov:skip=CKV_AWS_290:a boundary grants nothing
  #checkov:skip=CKV_AWS_355:a boundary grants nothing
  for_each = toset(local.environments)

  name        = "tms-${each.key}-boundary"
  description = "The most that roles of ${each.key} can do"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.boundary_statements[each.key] })

  lifecycle {
    precondition {
      condition     = length(jsonencode({ Version = "2012-10-17", Statement = local.boundary_statements[each.key] })) <= 6144
      error_message = "AWS takes managed policies of at most 6,144 characters: shorten the fences."
    }
  }
}
