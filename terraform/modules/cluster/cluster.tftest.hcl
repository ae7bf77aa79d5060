mock_provider "aws" {
  override_during = plan

  mock_resource "aws_eks_cluster" {
    defaults = {
      identity              = [{ oidc = [{ issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/ABC" }] }]
      certificate_authority = [{ data = "dGVzdA==" }]
    }
  }

  mock_data "aws_eks_addon_version" {
    defaults = { version = "v1.2.3-eksbuild.1" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "1.35.0-20260101" }
  }
}

variables {
  name                     = "tms-test"
  environment              = "test"
  subnet_ids               = ["subnet-a", "subnet-b", "subnet-c"]
  node_type                = "m6i.large"
  node_zones               = 2
  nodes_per_zone           = { min = 1, max = 3 }
  deletion_protection      = true
  administrator_arns       = ["arn:aws:iam::123456789012:role/tms-infrastructure-test"]
  deployer_arn             = "arn:aws:iam::123456789012:role/tms-deploy-test"
  deployer_group           = "tms-deployers"
  namespace                = "tms-test"
  log_days                 = 90
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/test"
  role_path                = "/tms/test/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"
}

run "the_pipeline_reaches_its_namespace_alone" {
  command = plan

  assert {
    condition = (
      aws_eks_access_policy_association.deployer.access_scope[0].type == "namespace" &&
      aws_eks_access_policy_association.deployer.access_scope[0].namespaces == toset(["tms-test"])
    )
    error_message = "The deploying role must not reach other namespaces."
  }

  assert {
    condition     = endswith(aws_eks_access_policy_association.deployer.policy_arn, "/AmazonEKSEditPolicy")
    error_message = "Deploying takes no more than editing."
  }
}

run "nobody_is_an_administrator_by_having_created_it" {
  command = plan

  assert {
    condition = (
      aws_eks_cluster.this.access_config[0].authentication_mode == "API" &&
      !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    )
    error_message = "Access is what the entries say."
  }

  assert {
    condition     = keys(aws_eks_access_policy_association.administrator) == ["arn:aws:iam::123456789012:role/tms-infrastructure-test"]
    error_message = "Administrators are those that were named."
  }
}

run "without_an_administrator_it_is_refused" {
  command = plan

  variables {
    administrator_arns = []
  }

  expect_failures = [var.administrator_arns]
}

run "everything_is_logged_and_secrets_are_wrapped" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.enabled_cluster_log_types == toset(["api", "audit", "authenticator", "controllerManager", "scheduler"])
    error_message = "Every log of the control plane is kept."
  }

  assert {
    condition = (
      aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) &&
      aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    )
    error_message = "Secrets are encrypted with a key of ours."
  }
}

run "a_pod_does_not_reach_the_nodes_credentials" {
  command = plan

  assert {
    condition = (
      aws_launch_template.node.metadata_options[0].http_tokens == "required" &&
      aws_launch_template.node.metadata_options[0].http_put_response_hop_limit == 1
    )
    error_message = "IMDSv2, and one hop only."
  }
}

run "what_the_cluster_makes_carries_its_environment" {
  command = plan

  assert {
    condition = {
      for specification in aws_launch_template.node.tag_specifications : specification.resource_type => specification.tags.Environment
    } == { instance = "test", volume = "test", network-interface = "test" }
    error_message = "Nodes, their disks and interfaces are fenced off by this tag."
  }

  assert {
    condition = (
      jsondecode(aws_eks_addon.on_nodes["aws-ebs-csi-driver"].configuration_values).controller.extraVolumeTags.Environment == "test" &&
      jsondecode(jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).env.ADDITIONAL_ENI_TAGS).Environment == "test"
    )
    error_message = "So are the pods' volumes and network interfaces."
  }
}

run "nobody_gets_a_shell_on_a_node_through_aws" {
  command = plan

  assert {
    condition     = [for arn in keys(aws_iam_role_policy_attachment.node) : basename(arn)] == ["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"]
    error_message = "A node pulls images and joins its cluster; Session Manager would make its user root."
  }
}

run "nodes_and_addons_are_of_the_clusters_version" {
  command = plan

  assert {
    condition     = alltrue([for version in data.aws_eks_addon_version.this : version.kubernetes_version == aws_eks_cluster.this.version])
    error_message = "Add-ons are those of the cluster's version."
  }

  assert {
    condition     = alltrue([for addon in merge(aws_eks_addon.before_nodes, aws_eks_addon.on_nodes) : addon.addon_version == "v1.2.3-eksbuild.1"])
    error_message = "An add-on without a version changes by itself."
  }

  assert {
    condition = alltrue([
      for group in aws_eks_node_group.this : group.version == aws_eks_cluster.this.version && group.release_version == "1.35.0-20260101"
    ])
    error_message = "Nodes are upgraded with the cluster, and get the current image."
  }

  assert {
    condition     = length(setsubtract(["aws-efs-csi-driver", "aws-ebs-csi-driver", "metrics-server"], keys(aws_eks_addon.on_nodes))) == 0
    error_message = "Odoo's claim needs EFS, Prometheus' EBS, the autoscalers metrics."
  }
}

run "network_policies_are_enforced" {
  command = plan

  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "A policy that nothing enforces lets everything through."
  }
}

run "each_zone_scales_by_itself" {
  command = plan

  assert {
    condition     = [for group in aws_eks_node_group.this : group.subnet_ids] == [toset(["subnet-a"]), toset(["subnet-b"])]
    error_message = "A group of nodes is in one zone: a volume is too."
  }

  assert {
    condition     = alltrue([for group in aws_eks_node_group.this : group.scaling_config[0].min_size == 1 && group.scaling_config[0].max_size == 3])
    error_message = "The autoscaler chooses between the fewest and the most."
  }
}
