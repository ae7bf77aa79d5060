# What people need to deploy by hand while the pipeline is broken (docs/runbooks/manual-deployment.md): the roles of the
# jobs trust GitHub alone. Attached to nobody here; the cluster itself lets in the environment's administrators.

locals {
  scan_images = {
    Sid    = "FindAndScanImages"
    Effect = "Allow"
    Action = [
      "ecr:DescribeImageScanFindings",
      "ecr:DescribeImages",
      "ecr:StartImageScan",
    ]
    Resource = local.image_arns
  }

  manual_deployment = {
    staging = [
      local.cluster_access.staging,
      local.scan_images,
      local.read_staging_secrets,
      local.decrypt_staging_secrets,
    ]
    production = [local.cluster_access.production, local.scan_images, local.release_images]
  }
}

resource "aws_iam_policy" "manual_deployment" {
  for_each = local.manual_deployment

  name        = "tms-manual-deployment-${each.key}"
  description = "Deploy to ${each.key} by hand, by the runbook, while the pipeline is broken"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
