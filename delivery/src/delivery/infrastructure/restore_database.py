"""Restores a database of RDS beside itself, and puts the copy in its place.

Two steps, with a look between them (docs/runbooks/recovery.md): `restore` makes a copy
as of a moment that is as closed and as safe as its source, which RDS' defaults are not;
`switch` gives it the source's name. Needs the standard library and the AWS CLI alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from delivery.errors import DeliveryError

Instance = dict[str, Any]
NAME = re.compile(r"(tms-(?:staging|production))-(odoo|gps)")
#: What must be the same before a copy takes its source's place.
KEPT = (
    "DBInstanceClass",
    "MultiAZ",
    "PubliclyAccessible",
    "StorageEncrypted",
    "KmsKeyId",
    "DeletionProtection",
    "CopyTagsToSnapshot",
    "BackupRetentionPeriod",
    "EnabledCloudwatchLogsExports",
)
#: The same with names of our own, which would otherwise be RDS' default ones.
NAMED = ("DBParameterGroups", "VpcSecurityGroups", "DBSubnetGroup", "TagList")
#: Tags that AWS alone may set.
AWS_TAG = "aws:"
#: RDS renames within minutes; a restore of much data takes hours.
RENAME_LIMIT_S = 1800


@dataclass(frozen=True)
class Rds:
    """RDS, through the AWS CLI.

    :param pause_s: how long it waits between two looks.
    """

    region: str
    pause_s: float = 15

    def find(self, name: str) -> Instance | None:
        """An instance, None where there is none of that name.

        :raises DeliveryError: RDS cannot be asked.
        """
        try:
            found = self.call("describe-db-instances", {"DBInstanceIdentifier": name})
        except DeliveryError as error:
            if "DBInstanceNotFound" in str(error):
                return None
            raise
        instance: Instance = found["DBInstances"][0]
        return instance

    def get(self, name: str) -> Instance:
        """An instance that has to be there.

        :raises DeliveryError: it is not.
        """
        found = self.find(name)
        if found is None:
            raise DeliveryError(f"{self.region} has no database {name}")
        return found

    def wait(self, name: str) -> Instance:
        """Wait until an instance has a name and is available.

        :raises DeliveryError: that takes too long.
        """
        end = time.monotonic() + RENAME_LIMIT_S
        while time.monotonic() < end:
            found = self.find(name)
            if found is not None and found["DBInstanceStatus"] == "available":
                return found
            time.sleep(self.pause_s)
        raise DeliveryError(f"{name} is not available after {RENAME_LIMIT_S // 60} min")

    def call(self, operation: str, given: Mapping[str, object]) -> dict[str, Any]:
        """Ask for an operation; the CLI refuses words that it does not know.

        :raises DeliveryError: RDS or the CLI refuses.
        """
        command = ["aws", "--region", self.region, "--output", "json", "rds"]
        words = [operation, "--cli-input-json", json.dumps(given)]
        try:
            done = subprocess.run(
                [*command, *words], capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise DeliveryError("the AWS CLI (aws) is not on PATH") from error
        if done.returncode != 0:
            said = done.stderr.strip() or "it said nothing"
            raise DeliveryError(f"aws rds {operation}: {said}")
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer


def restoring(
    source: Instance, target: str, moment: datetime | None
) -> dict[str, object]:
    """What to ask RDS for, so that the copy is to its source's likeness.

    :param moment: to which it is restored; None for the newest possible.
    :raises DeliveryError: the source's administrator has no secret, by whose key the
        copy's is encrypted.
    """
    secret = source.get("MasterUserSecret")
    if not secret:
        name = source["DBInstanceIdentifier"]
        raise DeliveryError(
            f"{name}: RDS does not manage its administrator's password, so this is "
            "none of Terraform's databases"
        )
    when: dict[str, object] = (
        {"UseLatestRestorableTime": True}
        if moment is None
        else {"RestoreTime": moment.astimezone(UTC).isoformat()}
    )
    return {
        "SourceDBInstanceIdentifier": source["DBInstanceIdentifier"],
        "TargetDBInstanceIdentifier": target,
        **when,
        "DBInstanceClass": source["DBInstanceClass"],
        "MultiAZ": source["MultiAZ"],
        "StorageType": source["StorageType"],
        "DBSubnetGroupName": source["DBSubnetGroup"]["DBSubnetGroupName"],
        "DBParameterGroupName": source["DBParameterGroups"][0]["DBParameterGroupName"],
        "VpcSecurityGroupIds": [
            group["VpcSecurityGroupId"] for group in source["VpcSecurityGroups"]
        ],
        # RDS' own default makes it public in a subnet that has a way out.
        "PubliclyAccessible": False,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": True,
        "AutoMinorVersionUpgrade": source["AutoMinorVersionUpgrade"],
        "BackupRetentionPeriod": source["BackupRetentionPeriod"],
        "EnableCloudwatchLogsExports": source.get("EnabledCloudwatchLogsExports", []),
        # The fence around the environment stands on these.
        "Tags": [
            tag
            for tag in source.get("TagList", [])
            if not tag["Key"].startswith(AWS_TAG)
        ],
        "ManageMasterUserPassword": True,
        "MasterUserSecretKmsKeyId": secret["KmsKeyId"],
    }


def unlike(source: Instance, copy: Instance) -> list[str]:
    """What of a copy is not as it has to be, or not as its source's."""
    problems = [
        f"{word} is {copy.get(word)}, not {source.get(word)}"
        for word in KEPT
        if word != "DeletionProtection" and copy.get(word) != source.get(word)
    ]
    for word in NAMED:
        if _names(copy.get(word)) != _names(source.get(word)):
            problems.append(f"{word} are not the source's")
    if not copy.get("DeletionProtection"):
        problems.append("it is not protected from deletion")
    if not copy.get("MasterUserSecret"):
        problems.append(
            "its administrator has no secret: aws rds modify-db-instance "
            f"--db-instance-identifier {copy['DBInstanceIdentifier']} "
            "--manage-master-user-password --master-user-secret-kms-key-id "
            f"{source['MasterUserSecret']['KmsKeyId']} --apply-immediately"
        )
    return problems


def _names(value: Any) -> list[str]:
    """The names in RDS' descriptions of groups and tags, whatever their state."""
    found = value if isinstance(value, list) else [value]
    keys = ("DBParameterGroupName", "VpcSecurityGroupId", "DBSubnetGroupName", "Key")
    return sorted(
        f"{item[key]}={item.get('Value', '')}"
        for item in found
        for key in keys
        if item and key in item and not str(item[key]).startswith(AWS_TAG)
    )


def switch(rds: Rds, source: str, target: str) -> str:
    """Give a copy its source's name, and with it the address.

    :returns: the name that the source has got.
    :raises DeliveryError: the copy is not to its source's likeness, or RDS refuses.
    """
    before, copy = rds.get(source), rds.wait(target)
    problems = unlike(before, copy)
    if problems:
        raise DeliveryError(f"{target} cannot take its place: {'; '.join(problems)}")
    old = f"{source}-until-{datetime.now(UTC):%Y%m%d%H%M%S}"
    for name, new in ((source, old), (target, source)):
        given = {"DBInstanceIdentifier": name, "NewDBInstanceIdentifier": new}
        rds.call("modify-db-instance", {**given, "ApplyImmediately": True})
        rds.wait(new)
    return old


def state_commands(source: str) -> str:
    """Commands that make Terraform follow the copy instead of the old instance.

    Its state knows an instance by an id that a rename does not change, and the rotation
    by the old instance's secret.

    :raises DeliveryError: the name is none of Terraform's.
    """
    found = NAME.fullmatch(source)
    if found is None:
        raise DeliveryError(
            f"{source} is no database of Terraform's: tms-<env>-<odoo|gps>"
        )
    environment = found[1].removeprefix("tms-")
    module = f'module.environment.module.database["{found[2]}"]'
    return f"""\
cd terraform/envs/{environment}
terraform state rm '{module}.aws_db_instance.this' \\
  '{module}.aws_secretsmanager_secret_rotation.administrator'
terraform import '{module}.aws_db_instance.this' {source}
terraform plan   # nothing may be destroyed or replaced but Jobs of database_roles
terraform apply -var password_round=<one more than in variables.tf>
"""


def _moment(text: str) -> datetime | None:
    if text == "latest":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DeliveryError(f"{text} is no time: 2026-11-23T10:00:00Z") from error
    if moment.tzinfo is None:
        raise DeliveryError(f"{text} has no time zone: end it with Z, or with +05:30")
    return moment


def main(arguments: Sequence[str]) -> int:
    """Restore or switch; answers the exit status."""
    parser = argparse.ArgumentParser(prog="restore_database", description=__doc__)
    parser.add_argument("step", choices=["restore", "switch"])
    parser.add_argument("source", help="the database, such as tms-production-gps")
    parser.add_argument("target", help="name of the copy")
    parser.add_argument("--at", default="", help="restore: a time, or latest")
    parser.add_argument("--region", required=True, help="AWS region")
    options = parser.parse_args(arguments)
    rds = Rds(options.region)
    try:
        commands = state_commands(options.source)
        if options.step == "restore":
            moment = _moment(options.at)
            given = restoring(rds.get(options.source), options.target, moment)
            rds.call("restore-db-instance-to-point-in-time", given)
            print(f"{options.target} is being made; look at it, then switch to it")
        else:
            old = switch(rds, options.source, options.target)
            print(
                f"{options.source} is the copy; what it was is {old}. Now:\n{commands}"
            )
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
