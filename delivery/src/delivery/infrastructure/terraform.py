"""Running Terraform, its working files beside the code instead of in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from delivery.errors import DeliveryError

TIMEOUT_S = 300


@dataclass(frozen=True)
class Answer:
    """What a run of Terraform said.

    :param text: everything it printed, without colours.
    """

    status: int
    text: str

    @property
    def problem(self) -> str:
        """The first error, on one line."""
        lines = [line.strip("│╷╵ ") for line in self.text.splitlines()]
        said = [line for line in lines if line]
        start = next((n for n, line in enumerate(said) if line.startswith("Error")), 0)
        return " ".join(said[start : start + 12]) or f"exit status {self.status}"


@dataclass(frozen=True)
class Terraform:
    """A Terraform that finds its providers in the environment.

    :param data: folder for what it notes about each folder of code.
    :param providers: environment in which it finds its providers.
    """

    program: Path
    data: Path
    providers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def find() -> Path | None:
        """The program, None where there is none."""
        found = shutil.which("terraform")
        return Path(found) if found else None

    def version(self) -> str:
        """Its version.

        :raises DeliveryError: it does not say.
        """
        said = self.run(self.data, "version").text
        found = re.search(r"Terraform v(\S+)", said)
        if found is None:
            raise DeliveryError(f"{self.program} does not tell its version: {said}")
        return found[1]

    def run(self, folder: Path, *words: str) -> Answer:
        """Run a command in a folder of code."""
        name = str(folder.resolve()).strip("/").replace("/", "-")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TF_")},
            **self.providers,
            "TF_DATA_DIR": str(self.data / name),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        try:
            done = subprocess.run(
                [str(self.program), f"-chdir={folder}", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(-1, f"Error: longer than {TIMEOUT_S} s")
        return Answer(done.returncode, done.stdout)
