"""What is asked of RDS for a copy, and what a copy must be to be switched to."""

from __future__ import annotations

import copy
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.errors import DeliveryError
from delivery.infrastructure import restore_database
from delivery.infrastructure.restore_database import (
    Rds,
    main,
    restoring,
    state_commands,
    unlike,
)

from .test_agreement import ROOT

KEY = "arn:aws:kms:ap-south-1:123456789012:key/test"
TAGS = [{"Key": "Environment", "Value": "production"}]
SOURCE: dict[str, Any] = {
    "DBInstanceIdentifier": "tms-production-gps",
    "DBInstanceClass": "db.m6g.large",
    "MultiAZ": True,
    "StorageType": "gp3",
    "StorageEncrypted": True,
    "KmsKeyId": KEY,
    "PubliclyAccessible": False,
    "DeletionProtection": True,
    "CopyTagsToSnapshot": True,
    "AutoMinorVersionUpgrade": True,
    "BackupRetentionPeriod": 35,
    "EnabledCloudwatchLogsExports": ["postgresql", "upgrade"],
    "DBSubnetGroup": {"DBSubnetGroupName": "tms-production-gps"},
    "DBParameterGroups": [{"DBParameterGroupName": "tms-production-gps-1"}],
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
    "TagList": [*TAGS, {"Key": "aws:internal", "Value": "1"}],
    "MasterUserSecret": {"SecretArn": "arn:secret", "KmsKeyId": KEY},
}
ARGUMENTS = ["restore", "tms-production-gps", "new", "--region", "ap-south-1"]


def test_a_copy_is_asked_for_as_safe_as_its_source() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    asked = restoring(SOURCE, "new", moment)
    assert asked["RestoreTime"] == "2026-11-23T10:00:00+00:00"
    assert asked["PubliclyAccessible"] is False and asked["DeletionProtection"] is True
    assert asked["DBParameterGroupName"] == "tms-production-gps-1", "or TLS is optional"
    assert asked["VpcSecurityGroupIds"] == ["sg-1"]
    assert asked["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert asked["CopyTagsToSnapshot"] is True and asked["MultiAZ"] is True
    assert asked["Tags"] == TAGS, "the fence stands on them; AWS' own cannot be given"
    assert asked["ManageMasterUserPassword"] is True
    assert asked["MasterUserSecretKmsKeyId"] == KEY
    assert "RestoreTime" not in restoring(SOURCE, "new", None)


def test_a_database_of_somebody_else_is_not_restored() -> None:
    other = {**SOURCE, "MasterUserSecret": None}
    with pytest.raises(DeliveryError, match="none of Terraform's databases"):
        restoring(other, "new", None)


@pytest.mark.parametrize(
    ("word", "value", "said"),
    [
        ("PubliclyAccessible", True, "PubliclyAccessible is True, not False"),
        ("MultiAZ", False, "MultiAZ is False"),
        ("DBParameterGroups", [{"DBParameterGroupName": "default"}], "ParameterGroups"),
        ("VpcSecurityGroups", [{"VpcSecurityGroupId": "sg-0"}], "VpcSecurityGroups"),
        ("DBSubnetGroup", {"DBSubnetGroupName": "default"}, "DBSubnetGroup"),
        ("TagList", [], "TagList are not"),
        ("EnabledCloudwatchLogsExports", [], "EnabledCloudwatchLogsExports"),
        ("DeletionProtection", False, "not protected from deletion"),
        ("MasterUserSecret", None, "--manage-master-user-password"),
    ],
)
def test_a_copy_that_lacks_something_is_told(word: str, value: Any, said: str) -> None:
    spoiled = {**copy.deepcopy(SOURCE), word: value}
    (found,) = unlike(SOURCE, spoiled)
    assert said in found


def test_a_copy_of_an_unprotected_database_is_protected_all_the_same() -> None:
    assert not unlike({**SOURCE, "DeletionProtection": False}, SOURCE)


def test_terraform_is_told_to_follow_the_copy() -> None:
    said = state_commands("tms-staging-odoo")
    place = 'module.environment.module.database["odoo"]'
    assert "cd terraform/envs/staging" in said
    assert f"terraform import '{place}.aws_db_instance.this' tms-staging-odoo" in said
    assert f"'{place}.aws_secretsmanager_secret_rotation.administrator'" in said
    environment = (ROOT / "terraform/modules/environment/main.tf").read_text()
    assert (
        'module "database" {' in environment
        and "for_each = var.databases" in environment
    )
    database = (ROOT / "terraform/modules/database/main.tf").read_text()
    assert 'resource "aws_db_instance" "this"' in database
    assert 'resource "aws_secretsmanager_secret_rotation" "administrator"' in database


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "yesterday"], "is no time"),
        (["--at", "2026-11-23T10:00:00"], "has no time zone"),
        ([], "is no time"),
    ],
)
def test_a_time_that_says_too_little_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    answering(tmp_path, monkeypatch, json.dumps({"DBInstances": [SOURCE]}))
    assert main([*ARGUMENTS, *words]) == 1
    assert said in capsys.readouterr().err


def test_a_name_that_is_none_of_ours_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["restore", "payroll", "new", "--at", "latest", "--region", "ap-south-1"]
    assert main(words) == 1
    assert "payroll is no database of Terraform's" in capsys.readouterr().err


def test_without_the_aws_cli_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeliveryError, match="AWS CLI"):
        Rds("ap-south-1").get("tms-production-gps")


def test_a_rename_that_does_not_end_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    renaming = {**SOURCE, "DBInstanceStatus": "renaming"}
    answering(tmp_path, monkeypatch, json.dumps({"DBInstances": [renaming]}))
    monkeypatch.setattr(restore_database, "RENAME_LIMIT_S", 0.2)
    with pytest.raises(DeliveryError, match="is not available after"):
        Rds("ap-south-1", pause_s=0).wait("tms-production-gps")


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """An AWS CLI that always says the same."""
    program = folder / "aws"
    program.write_text(f"#!{sys.executable}\nprint({answer!r})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
