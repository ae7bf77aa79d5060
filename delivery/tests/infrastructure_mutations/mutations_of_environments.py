"""Mistakes in what an environment is made of, and in what the pipelines find there."""

from __future__ import annotations

from .mutation import TESTS, Mutation, tested

_BINDINGS = "modules/bindings/main.tf"
_DATABASE = "modules/database/main.tf"
_ROLES = "modules/database_roles/main.tf"
_NETWORK = "modules/network/main.tf"
_WATCHED = "modules/observability/main.tf"
_GITHUB = "github/main.tf"


def _of(root: str, name: str, path: str, right: str, wrong: str, says: str) -> Mutation:
    """A mistake in a module that the tests of an environment catch."""
    return Mutation(name, path, right, wrong, TESTS, says, root)


NETWORK = (
    tested(
        "nodes with public addresses",
        _NETWORK,
        "  cidr_block        = local.public_cidrs[count.index]\n",
        "  cidr_block        = local.public_cidrs[count.index]\n\n"
        "  map_public_ip_on_launch = true\n",
        "nothing_gets_a_public_address_by_being_started failed",
    ),
    tested(
        "one way out for three zones",
        _NETWORK,
        "gateways = var.one_nat_gateway ? 1 : 3",
        "gateways = 1",
        "a_zone_has_its_own_way_out failed",
    ),
    tested(
        "three ways out where one was asked for",
        _NETWORK,
        "gateways = var.one_nat_gateway ? 1 : 3",
        "gateways = 3",
        "one_way_out_is_enough_where_money_counts_more failed",
    ),
    tested(
        "secrets that go out through the internet",
        _NETWORK,
        '"logs", "secretsmanager", "sts"',
        '"logs", "sts"',
        "images_secrets_and_logs_stay_inside failed",
    ),
    tested(
        "a network without room",
        "modules/network/variables.tf",
        'endswith(var.cidr, "/16") && ',
        "",
        "a_network_that_is_too_small_is_refused failed",
    ),
)

KEPT = (
    tested(
        "a minor version that RDS withdraws",
        _DATABASE,
        'engine_version = "16"',
        'engine_version = "16.10"',
        "it_is_postgresql_16_over_tls failed",
    ),
    tested(
        "a last snapshot of a name that is taken",
        _DATABASE,
        "-final-${terraform_data.final_snapshot.id}",
        "-final",
        "its_last_snapshot_has_a_name_of_its_own failed",
    ),
    tested(
        "a database without backups",
        "modules/database/variables.tf",
        "var.backup_days >= 7 && ",
        "",
        "without_backups_it_is_refused failed",
    ),
    tested(
        "objects that are overwritten for good",
        "modules/bucket/main.tf",
        'status = "Enabled"',
        'status = "Suspended"',
        "what_was_overwritten_can_be_brought_back failed",
    ),
    tested(
        "files without backups",
        "modules/storage/main.tf",
        'status = "ENABLED"',
        'status = "DISABLED"',
        "files_are_encrypted_backed_up_and_in_every_zone failed",
    ),
    tested(
        "files that are not Odoo's",
        "modules/storage/main.tf",
        "    uid = var.odoo_user_id\n",
        "    uid = 0\n",
        "odoo_owns_its_files failed",
    ),
    tested(
        "files that are copied once a night, whatever was asked for",
        "modules/storage/copy.tf",
        "schedule_expression = var.copy_schedule",
        'schedule_expression = "cron(0 21 * * ? *)"',
        "a_copy_goes_to_s3_as_often_as_was_said failed",
    ),
    tested(
        "production's files copied once a night",
        "envs/production/main.tf",
        '"cron(0 * * * ? *)"',
        '"cron(0 21 * * ? *)"',
        "production_copies_its_files_every_hour failed",
    ),
    tested(
        "a failed copy that nobody hears of",
        _WATCHED,
        'detail      = { State = ["ERROR"] }',
        'detail      = { State = ["SUCCESS"] }',
        "files_that_were_not_copied_are_told_of failed",
    ),
    tested(
        "a topic that takes no events",
        _WATCHED,
        'Service = "events.amazonaws.com"',
        'Service = "scheduler.amazonaws.com"',
        "files_that_were_not_copied_are_told_of failed",
    ),
    tested(
        "an alarm that names no page",
        _WATCHED,
        "${each.value.about}\\n${var.runbook}#${each.value.section}",
        "${each.value.about}",
        "each_alarm_says_where_to_read_on failed",
    ),
    tested(
        "a message with half an address",
        "modules/watch/alerts.tf",
        "${var.repository_url}{{ . }}",
        "{{ . }}",
        "a_message_says_where_to_read_on failed",
    ),
    tested(
        "alarms without anybody to hear them",
        "modules/observability/variables.tf",
        "length(var.emails) > 0",
        "length(var.emails) >= 0",
        "an_alarm_reaches_somebody failed",
    ),
    tested(
        "a silent database that is taken for a healthy one",
        _WATCHED,
        '  treat_missing_data = "breaching"\n',
        '  treat_missing_data = "missing"\n',
        "each_database_is_watched failed",
    ),
    _of(
        "envs/staging",
        "staging's databases in public",
        _DATABASE,
        "publicly_accessible    = false",
        "publicly_accessible    = true",
        "staging_can_be_restored_too failed",
    ),
    tested(
        "caches among the images",
        "modules/registry/main.tf",
        'name                 = "${each.key}-cache"',
        "name                 = each.key",
        "caches_are_apart failed",
    ),
)

INSIDE = (
    tested(
        "a controller that changes by itself",
        "modules/addons/main.tf",
        'version    = "3.5.0"',
        'version    = "3"',
        "every_chart_has_an_exact_version failed",
    ),
    tested(
        "a database under another name",
        "modules/bindings/databases.tf",
        "odoo-db = var.database_addresses.odoo",
        "odoo-db = var.database_addresses.gps",
        "the_overlays_find_what_they_name failed",
    ),
    tested(
        "a pipeline that changes stores",
        _BINDINGS,
        'resources  = ["externalsecrets"]',
        'resources  = ["externalsecrets", "secretstores"]',
        "the_pipeline_gets_one_kind_more_than_editing failed",
    ),
    tested(
        "pods that ask for more than they need",
        _BINDINGS,
        '"pod-security.kubernetes.io/enforce" = "restricted"',
        '"pod-security.kubernetes.io/enforce" = "baseline"',
        "pods_are_restricted failed",
    ),
    tested(
        "External Secrets with a role of its own",
        "modules/addons/main.tf",
        "    processPushSecret = false\n",
        "    processPushSecret = false\n"
        "    serviceAccount = { annotations = {\n"
        '      "eks.amazonaws.com/role-arn" = module.dns_role.arn\n'
        "    } }\n",
        "external_secrets_has_no_rights_of_its_own failed",
    ),
    tested(
        "a controller of every cluster's balancers",
        "modules/addons/load_balancer_policy.tf",
        '"aws:ResourceTag/${local.load_balancer_tag}" = [var.cluster_name]',
        '"aws:ResourceTag/${local.load_balancer_tag}" = ["*"]',
        "balancers_of_other_clusters_are_out_of_reach failed",
    ),
    tested(
        "a cluster that nobody can enter",
        "modules/cluster/variables.tf",
        "length(var.administrator_arns) > 0 && ",
        "",
        "without_an_administrator_it_is_refused failed",
    ),
    tested(
        "positions that are kept for ever",
        "modules/storage/main.tf",
        "  delete_after_days = 1096\n",
        "",
        "positions_are_not_kept_without_an_end failed",
    ),
    tested(
        "a rotation that nobody is reminded of",
        _WATCHED,
        '"cron(0 4 1 3,9 ? *)"',
        '"rate(3650 days)"',
        "people_are_reminded_of_what_they_rotate failed",
    ),
    tested(
        "an administrator's password for whoever answers",
        _ROLES,
        'value = "verify-full"',
        'value = "require"',
        "each_role_is_made_in_its_database_over_tls failed",
    ),
    tested(
        "psql that knows no authority",
        _ROLES,
        'data = { "ca.pem" = var.database_ca }',
        'data = { "ca.pem" = "" }',
        "each_role_is_made_in_its_database_over_tls failed",
    ),
    tested(
        "pods that give their password to whoever answers",
        "modules/bindings/databases.tf",
        'PGSSLMODE     = "verify-full"',
        'PGSSLMODE     = "require"',
        "pods_verify_the_databases_by_their_own_names failed",
    ),
    tested(
        "pods that know the database by a name that no certificate has",
        "modules/bindings/databases.tf",
        "{ GPS_DATABASE_HOST = var.database_addresses.gps }",
        '{ GPS_DATABASE_HOST = "gps-db" }',
        "pods_verify_the_databases_by_their_own_names failed",
    ),
    tested(
        "an error page for a certificate",
        "modules/environment/database_ca.tf",
        "self.status_code == 200 && ",
        "true || ",
        "what_is_no_certificate_is_not_trusted failed",
    ),
    tested(
        "a password in a manifest",
        _ROLES,
        'value = "/secrets/password"',
        "value = var.passwords_arn",
        "passwords_are_files_that_one_namespace_reads failed",
    ),
    tested(
        "another round with the passwords of the last",
        _ROLES,
        '"${component}-${var.round}"',
        "component",
        "another_round_reads_the_passwords_anew failed",
    ),
    tested(
        "psql of another version than the database",
        "modules/database_roles/variables.tf",
        "postgres:16",
        "postgres:15",
        "psql_is_of_the_databases_major_version failed",
    ),
    tested(
        "an entry that is not made",
        "modules/secrets/main.tf",
        'toset(["odoo", "gps", "database"])',
        'toset(["odoo", "gps"])',
        "each_component_has_its_entry failed",
    ),
    tested(
        "a watch that a new cluster does not get",
        "modules/watch/main.tf",
        "    var.cluster_endpoint,\n",
        "",
        "another_cluster_of_the_same_name_gets_the_watch_too failed",
    ),
)

FOUND = (
    tested(
        "a domain that the manifests do not know",
        "modules/environment/names.tf",
        "local.named_hosts == toset([",
        "local.named_hosts != toset([",
        "a_domain_that_the_manifests_do_not_name_is_refused failed",
    ),
    tested(
        "a state in another bucket",
        "bootstrap/main.tf",
        '"tms-terraform-state-${local.account}"',
        '"terraform-state-${local.account}"',
        "the_state_is_kept_by_a_bucket_of_its_own failed",
    ),
    _of(
        "bootstrap",
        "a second provider for GitHub",
        "modules/oidc/main.tf",
        "count = var.use_existing_provider ? 0 : 1",
        "count = 1",
        "a_provider_that_the_account_has_is_used_and_left_alone failed",
    ),
    tested(
        "a provider for anybody's tokens",
        "modules/oidc/main.tf",
        "contains(self.client_id_list, local.audience)",
        "length(self.client_id_list) > 0",
        "a_provider_for_another_audience_is_refused failed",
    ),
    tested(
        "a subject of every repository",
        "modules/oidc/variables.tf",
        "[A-Za-z0-9-]+/[A-Za-z0-9._-]+$",
        "[A-Za-z0-9-]+/[A-Za-z0-9._*-]+$",
        "a_pattern_in_the_subject_is_refused failed",
    ),
    _of(
        "envs/production",
        "production at another address",
        "modules/environment/outputs.tf",
        'gps = "https://${local.gps_host}"',
        'gps = "http://${local.gps_host}"',
        "production_answers_where_the_pipelines_expect_it failed",
    ),
    _of(
        "envs/staging",
        "staging at another address",
        "modules/environment/outputs.tf",
        'odoo = "https://${local.odoo_host}"',
        'odoo = "http://${local.odoo_host}"',
        "staging_answers_where_the_pipelines_test_it failed",
    ),
    tested(
        "a repository that an apply publishes",
        _GITHUB,
        "visibility             = var.visibility",
        'visibility             = "public"',
        "the_repository_stays_as_visible_as_it_is failed",
    ),
    tested(
        "actions by any name",
        "modules/actions/main.tf",
        "delivery.infrastructure.action_pinning ${",
        "delivery.infrastructure.action_tags ${",
        "actions_have_to_be_pinned_by_commit failed",
    ),
    tested(
        "a variable that the workflows miss",
        "github/settings.tf",
        "    TF_STATE_BUCKET    = var.state_bucket\n",
        "",
        "the_pipelines_know_what_they_read failed",
    ),
    tested(
        "one lead who approves what she starts",
        "github/variables.tf",
        "length(setunion(var.members.project-lead, var.members.devops-lead)) > 1",
        "length(setunion(var.members.project-lead, var.members.devops-lead)) > 0",
        "one_person_alone_is_refused failed",
    ),
)

ENVIRONMENTS = (*NETWORK, *KEPT, *INSIDE, *FOUND)
