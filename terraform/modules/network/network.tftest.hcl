mock_provider "aws" {
  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["ap-south-1a", "ap-south-1b", "ap-south-1c", "ap-south-1d"] }
  }
}

variables {
  name                     = "tms-test"
  cidr                     = "10.10.0.0/16"
  one_nat_gateway          = false
  log_days                 = 90
  kms_key_arn              = "arn:aws:kms:ap-south-1:123456789012:key/test"
  role_path                = "/tms/test/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/tms-test-boundary"
}

run "each_kind_of_subnet_is_in_three_zones" {
  command = plan

  assert {
    condition = alltrue([
      for subnets in [aws_subnet.private, aws_subnet.public, aws_subnet.database] :
      length(distinct(subnets[*].availability_zone)) == 3
    ])
    error_message = "The loss of a zone leaves two of everything."
  }
}

run "nothing_gets_a_public_address_by_being_started" {
  command = plan

  assert {
    condition = alltrue([
      for subnet in concat(aws_subnet.private, aws_subnet.public, aws_subnet.database) :
      coalesce(subnet.map_public_ip_on_launch, false) == false
    ])
    error_message = "Only load balancers and gateways have public addresses."
  }
}

run "a_zone_has_its_own_way_out" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Nodes must not lose the way out with another zone."
  }
}

run "one_way_out_is_enough_where_money_counts_more" {
  command = plan

  variables {
    one_nat_gateway = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private) == 3
    error_message = "Every zone still has a route out, all through one gateway."
  }
}

run "images_secrets_and_logs_stay_inside" {
  command = plan

  assert {
    condition = alltrue([
      for service in ["ecr.api", "ecr.dkr", "secretsmanager", "logs", "sts"] :
      contains(keys(aws_vpc_endpoint.interface), service)
    ])
    error_message = "These services have endpoints."
  }
}

run "a_network_that_is_too_small_is_refused" {
  command = plan

  variables {
    cidr = "10.10.0.0/20"
  }

  expect_failures = [var.cidr]
}
