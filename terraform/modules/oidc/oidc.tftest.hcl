mock_provider "aws" {
  override_during = plan
}

variables {
  repository     = "tms-example/tms"
  repository_ids = null

  roles = {
    build = {
      purpose     = "Build"
      environment = "build"
      statements  = [{ Sid = "Log", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] }]
    }
  }
}

run "a_provider_for_another_audience_is_refused" {
  command = plan

  variables {
    use_existing_provider = true
  }

  override_data {
    target          = data.aws_iam_openid_connect_provider.github
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:oidc-provider/other", client_id_list = ["somebody-else"] }
  }

  expect_failures = [data.aws_iam_openid_connect_provider.github]
}

run "a_pattern_in_the_subject_is_refused" {
  command = plan

  variables {
    repository = "tms-example/*"
  }

  expect_failures = [var.repository]
}
