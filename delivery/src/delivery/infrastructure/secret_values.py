"""Fills an environment's entries in Secrets Manager, once.

Terraform makes the entries and calls this; the values go from here to Secrets Manager
and are nowhere else: not in Terraform's state, not on a command line, not in a log.
Needs nothing but the standard library and the AWS CLI.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.errors import DeliveryError
from delivery.secret_entries import ENVIRONMENTS, new_secrets

_NO_VALUE = "ResourceNotFoundException"


@dataclass(frozen=True)
class SecretsManager:
    """Secrets Manager, through the AWS CLI."""

    region: str

    def has_value(self, name: str) -> bool:
        """Whether an entry has a value.

        :raises DeliveryError: it cannot be asked.
        """
        about = json.loads(self._call(["describe-secret", "--secret-id", name]))
        stages = about.get("VersionIdsToStages", {}).values()
        return any("AWSCURRENT" in version for version in stages)

    def put(self, name: str, value: dict[str, str]) -> None:
        """Give an entry its value.

        :raises DeliveryError: it does not take it.
        """
        words = ["put-secret-value", "--secret-id", name]
        # Other people see command lines; nobody sees a pipe.
        words += ["--secret-string", "file:///dev/stdin"]
        self._call(words, json.dumps(value))

    def _call(self, words: Sequence[str], given: str = "") -> str:
        command = ["aws", "--region", self.region, "--output", "json"]
        try:
            done = subprocess.run(
                [*command, "secretsmanager", *words],
                input=given,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise DeliveryError("the AWS CLI (aws) is not on PATH") from error
        if done.returncode != 0:
            said = done.stderr.strip() or "it said nothing"
            hint = "; apply terraform first" if _NO_VALUE in said else ""
            raise DeliveryError(f"aws secretsmanager {words[0]}: {said}{hint}")
        return done.stdout


def fill(manager: SecretsManager, environment: str) -> list[str]:
    """Give values to an environment's entries; those that have some keep them.

    :returns: the entries that got a value.
    :raises DeliveryError: some have a value and some have not. They hold the same keys
        and passwords, so fresh values would not fit the others.
    """
    entries = new_secrets(environment)
    empty = [name for name in entries if not manager.has_value(name)]
    if empty and len(empty) < len(entries):
        full = [name for name in entries if name not in empty]
        raise DeliveryError(
            f"{', '.join(empty)} has no value but {', '.join(full)} has: restore the "
            "missing value, or delete the others' secrets and apply again to start anew"
        )
    for name in empty:
        manager.put(name, entries[name])
    return empty


def main(arguments: Sequence[str]) -> int:
    """Fill the entries of one environment; answers the exit status."""
    parser = argparse.ArgumentParser(prog="secret_values", description=__doc__)
    parser.add_argument("environment", help=" or ".join(ENVIRONMENTS))
    parser.add_argument("--region", required=True, help="AWS region")
    options = parser.parse_args(arguments)
    try:
        filled = fill(SecretsManager(options.region), options.environment)
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"filled: {', '.join(filled) or 'nothing, every entry has its value'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
