terraform {
  required_version = "1.11.4"

  required_providers {
    github = {
      source  = "integrations/github"
      version = "6.9.0"
    }
  }

  backend "s3" {
    key          = "github/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

# The token comes from GITHUB_TOKEN: an organisation owner's, for the time of the apply.
provider "github" {
  owner = local.owner
}
