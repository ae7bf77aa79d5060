resource "aws_iam_role" "node" {
  name                 = "${var.name}-node"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "node" {
  # No Session Manager: a session is root on a node. `kubectl debug node/NAME` is the way in, and the audit log shows it.
  for_each = toset([
    "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
  ])

  role       = aws_iam_role.node.name
  policy_arn = each.key
}

resource "aws_launch_template" "node" {
  name_prefix            = "${var.name}-"
  update_default_version = true

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size = 50
      volume_type = "gp3"
      encrypted   = true
    }
  }

  metadata_options {
    http_tokens = "required"
    # One hop ends at the node: a pod does not reach the node's credentials.
    http_put_response_hop_limit = 1
  }

  # A provider's default tags are on the template and not on what is started from it.
  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.made_tags, { Name = "${var.name}-node" })
    }
  }
}

# AWS's current image for this version of Kubernetes: an apply brings security fixes to the nodes, one node at a time.
data "aws_ssm_parameter" "node_release" {
  name = "/aws/service/eks/optimized-ami/${var.kubernetes_version}/amazon-linux-2023/x86_64/standard/recommended/release_version"
}

# One group for each zone: a volume is in one zone, so the autoscaler must be able to ask for a node in that zone.
resource "aws_eks_node_group" "this" {
  count = var.node_zones

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "zone-${count.index}"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [var.subnet_ids[count.index]]
  ami_type        = "AL2023_x86_64_STANDARD"
  instance_types  = [var.node_type]
  version         = aws_eks_cluster.this.version
  release_version = nonsensitive(data.aws_ssm_parameter.node_release.value)

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }

  scaling_config {
    min_size     = var.nodes_per_zone.min
    desired_size = var.nodes_per_zone.min
    max_size     = var.nodes_per_zone.max
  }

  update_config {
    max_unavailable = 1
  }

  node_repair_config {
    enabled = true
  }

  lifecycle {
    # The autoscaler's, after the beginning.
    ignore_changes = [scaling_config[0].desired_size]
  }

  # Without the network's add-on no node gets ready.
  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.node]
}
