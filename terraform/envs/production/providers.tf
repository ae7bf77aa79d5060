provider "aws" {
  region = var.region

  default_tags {
    # Whoever applies the other environment may touch nothing that carries this one's tag.
    tags = { Project = "tms", Environment = "production", ManagedBy = "terraform/envs/production" }
  }
}

locals {
  cluster = module.environment.cluster

  token = {
    api_version = "client.authentication.k8s.io/v1"
    command     = "aws"
    args        = ["eks", "get-token", "--cluster-name", local.cluster.name, "--region", var.region]
  }
}

provider "kubernetes" {
  host                   = local.cluster.endpoint
  cluster_ca_certificate = base64decode(local.cluster.certificate_authority)

  exec {
    api_version = local.token.api_version
    command     = local.token.command
    args        = local.token.args
  }
}

provider "helm" {
  kubernetes = {
    host                   = local.cluster.endpoint
    cluster_ca_certificate = base64decode(local.cluster.certificate_authority)
    exec                   = local.token
  }
}
