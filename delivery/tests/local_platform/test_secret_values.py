"""An environment's secrets are filled once, in the emulated Secrets Manager."""

from __future__ import annotations

import json

import pytest

from delivery.errors import DeliveryError
from delivery.infrastructure.secret_values import SecretsManager, fill, main
from delivery.platform.aws import REGION, Aws
from delivery.platform.layout import Layout, Network
from delivery.platform.processes import Processes

NAMES = ["tms/blue/odoo", "tms/blue/gps", "tms/blue/database"]


@pytest.fixture
def aws(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> Aws:
    """The emulation with the three entries, empty, as Terraform makes them."""
    started = Aws(layout, network, processes)
    started.start()
    for name, value in started.environment.items():
        monkeypatch.setenv(name, value)
    for name in NAMES:
        started.secrets_manager().create_secret(Name=name)
    return started


def test_empty_entries_get_values_that_fit_one_another(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["blue", "--region", REGION]) == 0
    odoo, gps, database = map(aws.secret, NAMES)
    assert odoo["tms_gps_hmac_secret"] == gps["gps_odoo_hmac_secret"]
    assert odoo["db_password"] == database["odoo"]
    assert f":{database['gps']}@gps-db" in gps["gps_database_url"]
    said = capsys.readouterr().out
    assert said.startswith("filled: tms/blue/odoo") and odoo["db_password"] not in said


def test_an_entry_keeps_its_value(aws: Aws) -> None:
    manager = SecretsManager(REGION)
    assert fill(manager, "blue") == NAMES
    before = [aws.secret(name) for name in NAMES]
    assert fill(manager, "blue") == []
    assert [aws.secret(name) for name in NAMES] == before


def test_a_run_that_was_interrupted_is_continued(aws: Aws) -> None:
    """What the entries share fits again, and what was there stays as it is."""
    manager, secrets = SecretsManager(REGION), aws.secrets_manager()
    fill(manager, "blue")
    for lost in (NAMES[:1], NAMES[:2], NAMES[1:], NAMES[::2]):
        before = {name: aws.secret(name) for name in NAMES if name not in lost}
        for name in lost:
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            secrets.create_secret(Name=name)
        assert fill(manager, "blue") == lost
        assert {name: aws.secret(name) for name in before} == before
        odoo, gps, database = map(aws.secret, NAMES)
        assert odoo["tms_gps_hmac_secret"] == gps["gps_odoo_hmac_secret"]
        assert odoo["tms_gps_admin_token"] == gps["gps_provision_token"]
        assert odoo["db_password"] == database["odoo"]
        assert f":{database['gps']}@gps-db" in gps["gps_database_url"]


def test_an_empty_entry_is_not_filled_in_the_middle_of_a_rotation(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """One value of two would be taken for both."""
    for name, value in (
        (NAMES[0], {"db_password": "raised"}),
        (NAMES[2], {"odoo": "former", "gps": "kept"}),
    ):
        aws.secrets_manager().put_secret_value(
            SecretId=name, SecretString=json.dumps(value)
        )
    assert main(["blue", "--region", REGION]) == 1
    said = capsys.readouterr().err
    assert "two values for the odoo_password" in said and "former" not in said
    assert not SecretsManager(REGION).has_value(NAMES[1])


def test_a_second_first_value_does_not_take_the_place_of_the_first(aws: Aws) -> None:
    """Two that look at the same moment both see an empty entry."""
    manager = SecretsManager(REGION)
    manager.put(NAMES[0], {"db_password": "first"})
    with pytest.raises(DeliveryError, match="ResourceExistsException"):
        manager.put(NAMES[0], {"db_password": "second"})
    assert aws.secret(NAMES[0]) == {"db_password": "first"}


def test_entries_that_are_not_there_are_named(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["green", "--region", REGION]) == 1
    assert "apply terraform first" in capsys.readouterr().err


def test_without_the_aws_cli_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeliveryError, match="AWS CLI"):
        fill(SecretsManager(REGION), "blue")
