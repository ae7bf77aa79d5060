mock_provider "aws" {
  override_during = plan
}

variables {
  components  = ["tms-odoo", "gps-ingestion-service"]
  kms_key_arn = "arn:aws:kms:ap-south-1:123456789012:key/shared"
}

run "tags_of_images_never_move" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.image : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "What was scanned and approved under a tag must stay what the tag names."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.image : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Every image is scanned when it is pushed."
  }

  assert {
    condition     = toset(keys(aws_ecr_repository.image)) == toset(["tms-odoo", "gps-ingestion-service"])
    error_message = "The pipelines push to these names."
  }
}

run "caches_are_apart" {
  command = plan

  assert {
    condition     = toset([for r in aws_ecr_repository.cache : r.name]) == toset(["tms-odoo-cache", "gps-ingestion-service-cache"])
    error_message = "Layers in the images' repositories would count against the images that are kept."
  }
}

run "versions_and_releases_outlive_the_last_twenty" {
  command = plan

  assert {
    condition = [
      for rule in jsondecode(aws_ecr_lifecycle_policy.image["tms-odoo"].policy).rules :
      try(rule.selection.tagPatternList, rule.selection.tagStatus)
    ] == [["v*"], ["released-*"], ["sha256-*"], "any"]
    error_message = "Rules that protect versions, releases and signatures come before the one that deletes."
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.image["tms-odoo"].policy).rules[3].selection.countNumber == 20
    error_message = "The last 20 images are kept."
  }
}
