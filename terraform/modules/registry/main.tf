# One repository of images and one of build layers for each component. Tags of images never move; layer caches are
# overwritten all the time, and live apart so that they do not count against the images that are kept.

resource "aws_ecr_repository" "image" {
  for_each = var.components

  name                 = each.key
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  for_each = aws_ecr_repository.image

  repository = each.value.name
  policy     = file("${path.module}/lifecycle-policy.json")
}

resource "aws_ecr_repository" "cache" {
  #checkov:skip=CKV_AWS_51:a layer cache is one tag that every build overwrites; nothing is deployed from it
  for_each = var.components

  name                 = "${each.key}-cache"
  image_tag_mutability = "MUTABLE"
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "cache" {
  for_each = aws_ecr_repository.cache

  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "layers that no build has pushed again for two weeks"
      selection = {
        tagStatus   = "untagged"
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = 14
      }
      action = { type = "expire" }
    }]
  })
}
