mock_provider "aws" {
  override_during = plan
}

mock_provider "helm" {}

variables {
  cluster_name             = "tms-test"
  environment              = "test"
  region                   = "ap-south-1"
  account                  = "123456789012"
  vpc_id                   = "vpc-1"
  host                     = "test.tms.example"
  zone_id                  = "Z1"
  role_path                = "/tms/test/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"
}

run "every_chart_has_an_exact_version" {
  command = plan

  assert {
    condition = alltrue([
      for release in [helm_release.load_balancers, helm_release.autoscaler, helm_release.dns, helm_release.external_secrets] :
      can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", release.version))
    ])
    error_message = "A chart without an exact version changes by itself."
  }
}

run "external_secrets_has_no_rights_of_its_own" {
  command = plan

  assert {
    condition     = !strcontains(helm_release.external_secrets.values[0], "role-arn")
    error_message = "It asks in the name of a namespace's account, never in its own."
  }
}

run "balancers_of_other_clusters_are_out_of_reach" {
  command = plan

  assert {
    condition = alltrue([
      for statement in local.load_balancer_statements :
      strcontains(jsonencode(statement.Condition), "tms-test")
      if anytrue([for action in statement.Action : can(regex("^elasticloadbalancing:(Create|Delete|Modify|Set)", action))])
    ])
    error_message = "Whatever makes or changes a balancer asks for the cluster's tag."
  }
}

run "balancers_carry_their_environment" {
  command = plan

  assert {
    condition     = yamldecode(helm_release.load_balancers.values[0]).defaultTags == { Environment = "test" }
    error_message = "Who applies the other environment is fenced off by this tag."
  }
}

run "records_of_the_other_environment_are_out_of_reach" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(module.dns_role.policy).Statement :
      statement.Condition["ForAllValues:StringLike"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
      if contains(statement.Action, "route53:ChangeResourceRecordSets")
    ] == [["test.tms.example", "*.test.tms.example", "*-test.tms.example"]]
    error_message = "It writes names of its own environment alone: both are in one zone."
  }
}

run "the_autoscaler_scales_this_clusters_nodes_alone" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(module.autoscaler_role.policy).Statement :
      statement.Condition.StringEquals["aws:ResourceTag/k8s.io/cluster-autoscaler/tms-test"] == ["owned"]
      if contains(statement.Action, "autoscaling:SetDesiredCapacity")
    ])
    error_message = "Groups of other clusters are none of its business."
  }
}
