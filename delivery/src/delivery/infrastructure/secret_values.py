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
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
        stages = self._describe(name).get("VersionIdsToStages", {}).values()
        return any("AWSCURRENT" in version for version in stages)

    def value(self, name: str) -> dict[str, str]:
        """The value of an entry that has one.

        :raises DeliveryError: it cannot be read.
        """
        answer = json.loads(self._call(["get-secret-value", "--secret-id", name]))
        value: dict[str, str] = json.loads(answer["SecretString"])
        return value

    def put(self, name: str, value: dict[str, str]) -> None:
        """Give an entry its first value.

        The request carries the same token each time, so that a second first value,
        by somebody who looked too early, is refused instead of taking its place.

        :raises DeliveryError: it does not take it.
        """
        token = str(uuid.uuid5(uuid.NAMESPACE_URL, self._describe(name)["ARN"]))
        words = ["put-secret-value", "--secret-id", name]
        words += ["--client-request-token", token]
        # Other people see command lines; nobody sees a pipe.
        words += ["--secret-string", "file:///dev/stdin"]
        self._call(words, json.dumps(value))

    def _describe(self, name: str) -> dict[str, Any]:
        answer = self._call(["describe-secret", "--secret-id", name])
        about: dict[str, Any] = json.loads(answer)
        return about

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

    A run that was interrupted is continued: entries share keys and passwords, and an
    empty one gets those of the others.

    :returns: the entries that got a value.
    :raises DeliveryError: entries that have values do not fit one another, or Secrets
        Manager does not answer.
    """
    names = list(new_secrets(environment))
    known = {name: manager.value(name) for name in names if manager.has_value(name)}
    entries = new_secrets(environment, known)
    empty = [name for name in names if name not in known]
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
