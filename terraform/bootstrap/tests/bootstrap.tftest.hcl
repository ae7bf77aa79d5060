mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:ap-south-1:123456789012:key/shared" }
  }

  # Arguments that are ARNs are checked for their form by the real provider alone; here they only have to differ.
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  region     = "ap-south-1"
  repository = "tms-example/tms"
  domain     = "tms.example"
}

run "the_state_is_kept_by_a_bucket_of_its_own" {
  command = plan

  assert {
    condition     = output.state_bucket == "tms-terraform-state-123456789012"
    error_message = "The workflow and the README name the bucket tms-terraform-state-<account>."
  }
}

run "each_role_has_one_exact_subject" {
  command = plan

  assert {
    condition = {
      for name, condition in module.github.subjects :
      name => condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      build                     = "repo:tms-example/tms:environment:build"
      deploy-staging            = "repo:tms-example/tms:environment:staging"
      deploy-production         = "repo:tms-example/tms:environment:production"
      infrastructure-staging    = "repo:tms-example/tms:environment:infrastructure-staging"
      infrastructure-production = "repo:tms-example/tms:environment:infrastructure-production"
    }
    error_message = "A role's subject names the repository and one environment in full."
  }

  assert {
    condition = alltrue([
      for condition in module.github.subjects :
      keys(condition) == ["StringEquals"] && !strcontains(jsonencode(condition), "*")
    ])
    error_message = "A subject is compared as it stands, never as a pattern."
  }

  assert {
    condition = alltrue([
      for condition in module.github.subjects :
      condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "A token made for another audience must not count."
  }
}

run "a_provider_that_the_account_has_is_used_and_left_alone" {
  command = plan

  variables {
    use_existing_oidc_provider = true
  }

  override_data {
    target = module.github.data.aws_iam_openid_connect_provider.github
    values = {
      arn            = "arn:aws:iam::123456789012:oidc-provider/somebody-elses"
      client_id_list = ["sts.amazonaws.com"]
    }
  }

  assert {
    condition     = toset(values(module.github.trusted)) == toset(["arn:aws:iam::123456789012:oidc-provider/somebody-elses"])
    error_message = "An account has one provider for GitHub: a second cannot be made."
  }
}

run "only_the_production_role_can_reach_production" {
  command = plan

  assert {
    condition = [
      for name, role in local.roles : name
      if strcontains(jsonencode([for s in role.statements : s.Resource if s.Effect == "Allow"]), "production")
    ] == ["deploy-production", "infrastructure-production"]
    error_message = "No other role may name anything of production."
  }

  assert {
    condition = alltrue([
      for name, role in local.roles : !strcontains(jsonencode(role.statements), "secretsmanager:GetSecretValue")
      if name != "deploy-staging"
    ])
    error_message = "Only the staging tests read a secret; production's are for its cluster alone."
  }
}

run "who_applies_staging_is_fenced_off_from_production" {
  command = plan

  assert {
    condition = alltrue([
      for resource in [
        "arn:aws:eks:ap-south-1:123456789012:cluster/tms-production",
        "arn:aws:rds:ap-south-1:123456789012:*:tms-production-*",
        "arn:aws:secretsmanager:ap-south-1:123456789012:secret:tms/production/*",
        "arn:aws:s3:::tms-terraform-state-123456789012/bootstrap/*",
        "arn:aws:s3:::tms-terraform-state-123456789012/envs/production/*",
      ] : contains(local.fenced_off.staging, resource)
    ])
    error_message = "Whoever applies staging must not reach production or the shared state."
  }

  assert {
    condition = alltrue([
      for statement in local.infrastructure.staging :
      statement.Condition.StringEquals["iam:PermissionsBoundary"] == ["arn:aws:iam::123456789012:policy/tms-staging-boundary"]
      if contains(statement.Action, "iam:CreateRole") || contains(statement.Action, "iam:PutRolePolicy")
    ])
    error_message = "A role made without the boundary could do anything."
  }
}

run "no_role_that_an_environment_makes_gets_around_its_fence" {
  command = plan

  assert {
    condition = alltrue([
      for environment in ["staging", "production"] : alltrue([
        for fence in local.fences[environment] :
        contains([for s in local.infrastructure[environment] : s.Sid if s.Effect == "Deny"], fence.Sid) &&
        contains([for s in local.boundary_statements[environment] : s.Sid if s.Effect == "Deny"], fence.Sid)
      ])
    ])
    error_message = "Every fence stands in the boundary too: whoever makes a role could do by it what is denied to him."
  }

  assert {
    condition = anytrue([
      for s in local.boundary_statements.staging : s.Effect == "Deny" && contains(s.Action, "ecr:PutImage") && contains(try(s.Resource, []), "arn:aws:ecr:ap-south-1:123456789012:repository/tms-odoo")
      if s.Effect == "Deny"
    ])
    error_message = "Nothing in a cluster pushes the images that production runs."
  }
}

run "what_aws_and_the_controllers_make_is_fenced_off_too" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for own, other in { staging = "production", production = "staging" } : [
        for policy in [aws_iam_policy.boundary[own].policy, module.github.policies["infrastructure-${own}"]] : [
          for key, value in {
            "Environment"                        = other
            "eks:cluster-name"                   = "tms-${other}"
            "aws:eks:cluster-name"               = "tms-${other}"
            "kubernetes.io/cluster/tms-${other}" = "*"
            "cluster.k8s.amazonaws.com/name"     = "tms-${other}"
            "elbv2.k8s.aws/cluster"              = "tms-${other}"
            "aws:rds:primaryDBInstanceArn"       = "arn:aws:rds:*:db:tms-${other}-*"
            } : contains([
              for s in jsondecode(policy).Statement : jsonencode([s.Effect, try(s.Action, ""), try(s.Resource, ""), try(s.Condition, "")])
          ], jsonencode(["Deny", ["*"], ["*"], { StringLike = { "aws:ResourceTag/${key}" = [value] } }]))
        ]
      ]
    ]))
    error_message = "Nodes, their groups and interfaces, balancers and administrators' secrets carry no tag of Terraform's."
  }
}

run "no_other_role_is_assumed" {
  command = plan

  assert {
    condition = alltrue([
      for policy in [aws_iam_policy.boundary["staging"].policy, module.github.policies["infrastructure-staging"]] :
      contains(
        [for s in jsondecode(policy).Statement : jsonencode([s.Effect, try(s.Action, ""), try(s.NotResource, "")])],
        jsonencode(["Deny", ["sts:AssumeRole"], ["arn:aws:iam::123456789012:role/tms/staging/*"]]),
      )
    ])
    error_message = "A role that trusts the whole account would be a way around the fence."
  }
}

run "each_environment_writes_its_own_names" {
  command = plan

  assert {
    condition = one([
      for s in local.fences.staging : s.Condition["ForAnyValue:StringNotLike"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
      if s.Sid == "LeaveOtherNames"
    ]) == ["staging.tms.example", "*.staging.tms.example", "*-staging.tms.example"]
    error_message = "Both environments are in one zone: staging must not move production's names."
  }
}

run "a_repository_of_today_has_its_numbers_in_each_subject" {
  command = plan

  variables {
    repository_ids = { owner = 123456, repository = 789012345 }
  }

  assert {
    condition = alltrue([
      for condition in module.github.subjects :
      startswith(condition.StringEquals["token.actions.githubusercontent.com:sub"], "repo:tms-example@123456/tms@789012345:environment:")
    ])
    error_message = "GitHub puts the number of the owner and of the repository behind their names."
  }
}

run "people_can_deploy_by_hand_what_is_there" {
  command = plan

  assert {
    condition = [
      for environment in ["staging", "production"] :
      join(" ", sort(flatten([for s in jsondecode(aws_iam_policy.manual_deployment[environment].policy).Statement : s.Action])))
      ] == [
      "ecr:DescribeImageScanFindings ecr:DescribeImages ecr:StartImageScan eks:DescribeCluster kms:Decrypt secretsmanager:GetSecretValue",
      "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:DescribeImageScanFindings ecr:DescribeImages ecr:DescribeImages ecr:PutImage ecr:StartImageScan eks:DescribeCluster",
    ]
    error_message = "The runbook finds, scans, deploys, tests and tags an image; it pushes no layer and reads no secret of production."
  }

  assert {
    condition     = !strcontains(aws_iam_policy.manual_deployment["staging"].policy, "production")
    error_message = "Whoever deploys to staging by hand reaches nothing of production."
  }
}
