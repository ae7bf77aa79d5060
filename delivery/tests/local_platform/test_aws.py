"""The emulated AWS APIs, with the real emulation running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delivery.platform.aws import Aws, lifecycle_policy
from delivery.platform.layout import Layout, Network
from delivery.platform.processes import Processes
from delivery.secret_entries import ENVIRONMENTS, new_secrets

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def aws(layout: Layout, network: Network, processes: Processes) -> Aws:
    """The emulation, started; it ends with the test."""
    started = Aws(layout, network, processes)
    started.start()
    return started


def test_up_makes_repositories_secrets_and_a_login(aws: Aws) -> None:
    found = {
        entry["repositoryName"]: entry["imageTagMutability"]
        for entry in aws.ecr().describe_repositories()["repositories"]
    }
    assert found["tms-odoo"] == found["gps-ingestion-service"] == "IMMUTABLE"
    assert found["tms-odoo-cache"] == "MUTABLE"
    policy = aws.ecr().get_lifecycle_policy(repositoryName="tms-odoo")
    assert json.loads(policy["lifecyclePolicyText"])["rules"]
    assert aws.registry_password()
    assert aws.secret("tms/staging/odoo")["db_host"] == "odoo-db"


def test_starting_again_keeps_a_rotated_secret(aws: Aws) -> None:
    manager = aws.secrets_manager()
    rotated = json.dumps({"odoo": "new", "gps": "new"})
    manager.put_secret_value(SecretId="tms/staging/database", SecretString=rotated)
    aws.start()
    assert aws.secret("tms/staging/database") == {"odoo": "new", "gps": "new"}


def test_secrets_survive_the_emulation(aws: Aws) -> None:
    before = aws.secret("tms/production/gps")
    aws.stop()
    aws.start()
    assert aws.secret("tms/production/gps") == before
    assert aws.kept.stat().st_mode & 0o777 == 0o600


def test_both_components_share_what_they_sign_with() -> None:
    entries = new_secrets("staging")
    odoo, gps = entries["tms/staging/odoo"], entries["tms/staging/gps"]
    assert odoo["tms_gps_hmac_secret"] == gps["gps_odoo_hmac_secret"]
    assert odoo["tms_gps_admin_token"] == gps["gps_provision_token"]
    database = entries["tms/staging/database"]
    assert odoo["db_password"] == database["odoo"]
    assert gps["gps_database_url"] == (
        f"postgresql://gps:{database['gps']}@gps-db:5432/gps"
    )


def test_odoo_does_not_get_the_token_that_opens_everything() -> None:
    entries = new_secrets("staging")
    admin = entries["tms/staging/gps"]["gps_admin_token"]
    assert admin not in entries["tms/staging/odoo"].values()


def random_values(environment: str) -> set[str]:
    kinds = ("password", "secret", "token", "url")
    entries = new_secrets(environment).values()
    return {entry[key] for entry in entries for key in entry if key.endswith(kinds)}


def test_no_two_environments_share_a_secret() -> None:
    staging, production = map(random_values, ENVIRONMENTS)
    assert staging.isdisjoint(production)


def test_what_is_protected_is_selected_before_the_last_twenty() -> None:
    rules = json.loads(lifecycle_policy())["rules"]
    patterns = [rule["selection"].get("tagPatternList") for rule in rules]
    assert patterns == [["v*"], ["released-*"], ["sha256-*"], None]
    assert rules[3]["selection"]["countNumber"] == 20
    assert [rule["rulePriority"] for rule in rules] == [1, 2, 3, 4]


def test_the_registry_on_aws_has_the_same_lifecycle() -> None:
    policy = ROOT / "terraform/modules/registry/lifecycle-policy.json"
    assert json.loads(policy.read_text()) == json.loads(lifecycle_policy())


def test_tools_are_pointed_at_the_emulation_with_no_real_key(
    layout: Layout, network: Network, processes: Processes
) -> None:
    environment = Aws(layout, network, processes).environment
    assert environment["AWS_ENDPOINT_URL"] == network.aws_endpoint
    assert environment["AWS_ACCESS_KEY_ID"] == "local"
