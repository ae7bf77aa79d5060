# One role for each purpose, assumed from one GitHub environment each. Environments of the same name have the rules
# of who may start a job there: terraform/github.

locals {
  environments = ["staging", "production"]

  image_arns = [for name in local.components : "arn:aws:ecr:${var.region}:${local.account}:repository/${name}"]
  cache_arns = [for arn in local.image_arns : "${arn}-cache"]

  registry_login = {
    Sid      = "RegistryLogin"
    Effect   = "Allow"
    Action   = ["ecr:GetAuthorizationToken"]
    Resource = ["*"] # this action knows no resources
  }

  cluster_access = {
    for environment in local.environments : environment => {
      Sid      = "FindTheCluster"
      Effect   = "Allow"
      Action   = ["eks:DescribeCluster"]
      Resource = ["arn:aws:eks:${var.region}:${local.account}:cluster/tms-${environment}"]
    }
  }

  roles = merge(
    {
      build = {
        purpose     = "Build, scan and tag images"
        environment = "build"
        statements  = [local.registry_login, local.push_images, local.push_layers]
      }
      deploy-staging = {
        purpose     = "Deploy to staging, and read what its integration tests log in with"
        environment = "staging"
        hours       = 2
        statements = [
          local.registry_login,
          local.cluster_access.staging,
          local.read_staging_secrets,
          local.decrypt_staging_secrets,
        ]
      }
      deploy-production = {
        purpose     = "Deploy to production, and keep what was deployed as released"
        environment = "production"
        hours       = 2
        statements  = [local.registry_login, local.cluster_access.production, local.release_images]
      }
    },
    {
      for environment in local.environments : "infrastructure-${environment}" => {
        purpose        = "Plan and apply terraform/envs/${environment}"
        environment    = "infrastructure-${environment}"
        hours          = 2
        managed_policy = "arn:aws:iam::aws:policy/PowerUserAccess"
        statements     = local.infrastructure[environment]
      }
    },
  )

  push_images = {
    Sid    = "PushAndScanImages"
    Effect = "Allow"
    Action = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:StartImageScan",
      "ecr:UploadLayerPart",
    ]
    Resource = local.image_arns
  }

  push_layers = {
    Sid    = "KeepLayers"
    Effect = "Allow"
    Action = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    Resource = local.cache_arns
  }

  release_images = {
    Sid    = "TagReleases"
    Effect = "Allow"
    Action = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:DescribeImages",
      "ecr:PutImage",
    ]
    Resource = local.image_arns
  }

  # Six characters of its own end a secret's ARN.
  read_staging_secrets = {
    Sid    = "ReadTestCredentials"
    Effect = "Allow"
    Action = ["secretsmanager:GetSecretValue"]
    Resource = [
      for component in ["odoo", "gps"] :
      "arn:aws:secretsmanager:${var.region}:${local.account}:secret:tms/staging/${component}-??????"
    ]
  }

  decrypt_staging_secrets = {
    Sid      = "DecryptTestCredentials"
    Effect   = "Allow"
    Action   = ["kms:Decrypt"]
    Resource = ["arn:aws:kms:${var.region}:${local.account}:key/*"]
    Condition = {
      StringEquals               = { "kms:ViaService" = ["secretsmanager.${var.region}.amazonaws.com"] }
      "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = ["alias/tms-staging"] }
    }
  }
}
