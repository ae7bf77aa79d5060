terraform {
  required_version = "1.11.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
  }

  # Bucket and region come from the command line: this very configuration makes the bucket (see ../README.md).
  backend "s3" {
    key          = "bootstrap/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "tms", Environment = "shared", ManagedBy = "terraform/bootstrap" }
  }
}
