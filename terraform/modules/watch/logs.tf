# Fluent Bit on each node sends the logs of our pods to CloudWatch, with secrets hidden on the way.

locals {
  logs = "${path.module}/../../../monitoring/logs"
}

# Made here and not by Fluent Bit, so that it is encrypted and ends at some time.
resource "aws_cloudwatch_log_group" "pods" {
  name              = "/tms/${var.cluster_name}/pods"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

module "log_role" {
  source = "../workload_role"

  name                     = "logs"
  cluster_name             = var.cluster_name
  namespace                = kubernetes_namespace_v1.this.metadata[0].name
  service_account          = "fluent-bit"
  token_issuer             = var.token_issuer
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn

  statements = [{
    Sid      = "WriteLogs"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    Resource = ["arn:aws:logs:${var.region}:*:log-group:${aws_cloudwatch_log_group.pods.name}:*"]
  }]
}

resource "helm_release" "logs" {
  name       = "fluent-bit"
  namespace  = kubernetes_namespace_v1.this.metadata[0].name
  repository = "https://fluent.github.io/helm-charts"
  chart      = "fluent-bit"
  version    = "0.58.1"
  atomic     = true

  values = [yamlencode({
    serviceAccount = {
      name        = "fluent-bit"
      annotations = { "eks.amazonaws.com/role-arn" = module.log_role.arn }
    }

    # The chart's test runs an image without a version.
    testFramework = { enabled = false }
    # A node without it would lose its logs.
    tolerations       = [{ operator = "Exists" }]
    priorityClassName = "system-node-critical"
    luaScripts        = { "redact.lua" = file("${local.logs}/redact.lua") }

    env = [
      { name = "AWS_REGION", value = var.region },
      { name = "LOG_GROUP", value = aws_cloudwatch_log_group.pods.name },
      { name = "NODE", valueFrom = { fieldRef = { fieldPath = "spec.nodeName" } } },
    ]

    config = {
      inputs  = file("${local.logs}/inputs.conf")
      filters = file("${local.logs}/filters.conf")
      outputs = file("${local.logs}/outputs.conf")
    }

    # Where a pod of a node has got to in each file, and what CloudWatch has not taken yet.
    extraVolumes      = [{ name = "state", hostPath = { path = "/var/lib/fluent-bit", type = "DirectoryOrCreate" } }]
    extraVolumeMounts = [{ name = "state", mountPath = "/var/lib/fluent-bit" }]

    resources = {
      requests = { cpu = "20m", memory = "64Mi" }
      limits   = { memory = "256Mi" }
    }
  })]
}
