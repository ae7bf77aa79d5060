"""Mistakes, each with the check that must catch it and what it must say."""

from __future__ import annotations

from .mutation import (
    CHECKOV,
    FORMAT,
    SCHEMA,
    STATES,
    VERSIONS,
    Mutation,
    tested,
)
from .mutations_of_cluster import CLUSTER
from .mutations_of_environments import ENVIRONMENTS
from .mutations_of_rights import ACTION_LISTS, ORDERING, RIGHTS

_REGISTRY = "modules/registry/main.tf"
_LIFECYCLE = "modules/registry/lifecycle-policy.json"
_DATABASE = "modules/database/main.tf"
_BUCKET = "modules/bucket/main.tf"
_NODES = "modules/cluster/nodes.tf"
_RULES = "github/rulesets.tf"
_PRODUCTION = "envs/production/main.tf"
_SAFE = "production_survives_a_zone_and_a_mistake failed"

WRITING = (
    Mutation(
        "unformatted",
        _REGISTRY,
        "  for_each = var.components\n\n  name                 = each.key\n",
        "  for_each = var.components\n\n  name = each.key\n",
        FORMAT,
        "modules/registry/main.tf: not formatted",
    ),
    Mutation(
        "an argument that does not exist",
        _DATABASE,
        "publicly_accessible    = false",
        "publicly_accesible     = false",
        SCHEMA,
        "Unsupported argument",
        "modules/database",
    ),
    Mutation(
        "a value of another type",
        _DATABASE,
        "monitoring_interval                   = 60",
        'monitoring_interval                   = "often"',
        SCHEMA,
        "a number is required",
        "modules/database",
    ),
    Mutation(
        "a missing argument",
        "modules/cluster/main.tf",
        "  role_arn                      = aws_iam_role.cluster.arn\n",
        "",
        SCHEMA,
        'The argument "role_arn" is required',
        "modules/cluster",
    ),
    Mutation(
        "a missing block",
        "modules/bucket/main.tf",
        '  versioning_configuration {\n    status = "Enabled"\n  }\n',
        "",
        SCHEMA,
        "versioning_configuration",
        "modules/bucket",
    ),
    Mutation(
        "a value that the provider does not have",
        "modules/cluster/outputs.tf",
        "aws_eks_cluster.this.certificate_authority[0].data",
        "aws_eks_cluster.this.certificate_authority[0].pem",
        SCHEMA,
        "Unsupported attribute",
        "modules/cluster",
    ),
    Mutation(
        "a type that does not exist",
        _REGISTRY,
        'resource "aws_ecr_lifecycle_policy" "cache"',
        'resource "aws_ecr_lifecycle_rules" "cache"',
        SCHEMA,
        "does not support resource type",
        "modules/registry",
    ),
    Mutation(
        "a chart's setting at the wrong place",
        "modules/custom_objects/main.tf",
        "  atomic    = true\n",
        "  atomic    = true\n  install   = true\n",
        SCHEMA,
        "Unsupported argument",
        "modules/custom_objects",
    ),
    Mutation(
        "a field that pods do not have",
        "modules/database_roles/main.tf",
        "enable_service_links            = false",
        "enable_services_links           = false",
        SCHEMA,
        "Unsupported argument",
        "modules/database_roles",
    ),
    Mutation(
        "another provider than the one checked with",
        "modules/network/versions.tf",
        'version = "6.25.0"',
        'version = "~> 6.0"',
        VERSIONS,
        "modules/network: pins hashicorp/aws ~> 6.0",
    ),
    Mutation(
        "a state that two can write at once",
        "envs/staging/versions.tf",
        "use_lockfile = true",
        "use_lockfile = false",
        STATES,
        "envs/staging: the backend in versions.tf must say use_lockfile = true",
    ),
    Mutation(
        "staging in production's state",
        "envs/staging/versions.tf",
        "envs/staging/terraform",
        "envs/production/terraform",
        STATES,
        "envs/staging: the backend",
    ),
)

DATA = (
    tested(
        "tags that move",
        _REGISTRY,
        'image_tag_mutability = "IMMUTABLE"',
        'image_tag_mutability = "MUTABLE"',
        "tags_of_images_never_move failed",
    ),
    tested(
        "images that are not scanned",
        _REGISTRY,
        'resource "aws_ecr_repository" "image" {\n  for_each = var.components\n\n'
        "  name                 = each.key\n"
        '  image_tag_mutability = "IMMUTABLE"\n\n'
        "  image_scanning_configuration {\n    scan_on_push = true",
        'resource "aws_ecr_repository" "image" {\n  for_each = var.components\n\n'
        "  name                 = each.key\n"
        '  image_tag_mutability = "IMMUTABLE"\n\n'
        "  image_scanning_configuration {\n    scan_on_push = false",
        "tags_of_images_never_move failed",
    ),
    tested(
        "versions that are deleted",
        _LIFECYCLE,
        '"tagPatternList": ["v*"]',
        '"tagPatternList": ["w*"]',
        "versions_and_releases_outlive_the_last_twenty failed",
    ),
    tested(
        "fewer images kept",
        _LIFECYCLE,
        '"countNumber": 20\n',
        '"countNumber": 2\n',
        "versions_and_releases_outlive_the_last_twenty failed",
    ),
    tested(
        "a public database",
        _DATABASE,
        "publicly_accessible    = false",
        "publicly_accessible    = true",
        "it_is_not_public failed",
    ),
    Mutation(
        "a public database, seen by checkov",
        _DATABASE,
        "publicly_accessible    = false",
        "publicly_accessible    = true",
        CHECKOV,
        "CKV_AWS_17",
        "modules/database",
    ),
    tested(
        "a connection without TLS",
        _DATABASE,
        'value = "1"',
        'value = "0"',
        "it_is_postgresql_16_over_tls failed",
    ),
    tested(
        "a password in the state",
        _DATABASE,
        "manage_master_user_password   = true",
        'password                      = "guessed"',
        "its_password_is_managed_and_rotated",
    ),
    tested(
        "a database that leaves nothing behind",
        _DATABASE,
        "skip_final_snapshot       = false",
        "skip_final_snapshot       = true",
        "its_data_is_encrypted_and_outlives_it failed",
    ),
    tested(
        "production in one zone",
        _PRODUCTION,
        "multi_az     = true",
        "multi_az     = false",
        _SAFE,
    ),
    tested(
        "production without protection",
        _PRODUCTION,
        "protected    = true",
        "protected    = false",
        _SAFE,
    ),
    tested(
        "production without backups",
        _PRODUCTION,
        "backup_days  = 35",
        "backup_days  = 0",
        "RPO of 15 minutes",
    ),
    tested(
        "a public bucket",
        _BUCKET,
        "block_public_policy     = true",
        "block_public_policy     = false",
        "nothing_is_public_or_in_clear failed",
    ),
    Mutation(
        "an unencrypted log",
        "modules/cluster/main.tf",
        "  retention_in_days = var.log_days\n  kms_key_id        = var.kms_key_arn\n",
        "  retention_in_days = var.log_days\n",
        CHECKOV,
        "CKV_AWS_158",
        "modules/cluster",
    ),
    tested(
        "files that are mounted in clear",
        "modules/storage/main.tf",
        '{ "aws:SecureTransport" = "false" }',
        '{ "aws:SecureTransport" = "true" }',
        "mounting_takes_tls failed",
    ),
    tested(
        "Secrets in clear in the cluster",
        "modules/cluster/main.tf",
        'resources = ["secrets"]',
        "resources = []",
        "everything_is_logged_and_secrets_are_wrapped failed",
    ),
    tested(
        "a node's credentials within a pod's reach",
        _NODES,
        "http_put_response_hop_limit = 1",
        "http_put_response_hop_limit = 2",
        "a_pod_does_not_reach_the_nodes_credentials failed",
    ),
    tested(
        "nodes in two zones",
        "modules/network/main.tf",
        "availability_zone = local.zones[count.index]\n\n"
        '  tags = { Name = "${var.name}-private',
        "availability_zone = local.zones[count.index % 2]\n\n"
        '  tags = { Name = "${var.name}-private',
        "each_kind_of_subnet_is_in_three_zones failed",
    ),
)

REPOSITORY = (
    tested(
        "one required check too few",
        _RULES,
        '    "Repository checks",\n',
        "",
        "nothing_reaches_main_unchecked failed",
    ),
    tested(
        "no review by the owners",
        _RULES,
        "require_code_owner_review         = true",
        "require_code_owner_review         = false",
        "nothing_reaches_main_unchecked failed",
    ),
    tested(
        "a history that can be rewritten",
        _RULES,
        "    deletion                = true\n    non_fast_forward        = true\n",
        "    deletion                = true\n    non_fast_forward        = false\n",
        "nothing_reaches_main_unchecked failed",
    ),
    tested(
        "versions that move",
        _RULES,
        "    update           = true\n",
        "    update           = false\n",
        "a_version_stays_where_it_is failed",
    ),
    tested(
        "production without approval",
        "github/environments.tf",
        "    production                = { from = local.from_main_or_versions, "
        "approvers = local.approvers }",
        "    production                = { from = local.from_main_or_versions, "
        "approvers = [] }",
        "production_asks_the_leads failed",
    ),
    tested(
        "approval of one's own run",
        "github/environments.tf",
        "prevent_self_review = length(each.value.approvers) > 0",
        "prevent_self_review = false",
        "production_asks_the_leads failed",
    ),
    tested(
        "roles for every branch",
        "github/environments.tf",
        '{ branches = ["main"], tags = ["v*.*.*"] }',
        '{ branches = ["*"], tags = ["v*.*.*"] }',
        "roles_are_reached_from_main_or_a_version_alone failed",
    ),
    tested(
        "workflows that may write",
        "modules/actions/main.tf",
        'default_workflow_permissions     = "read"',
        'default_workflow_permissions     = "write"',
        "workflows_start_with_little failed",
    ),
)

MUTATIONS = (
    *WRITING,
    *RIGHTS,
    *ACTION_LISTS,
    *ORDERING,
    *DATA,
    *REPOSITORY,
    *CLUSTER,
    *ENVIRONMENTS,
)
