"""The check of the Terraform code, where there is a Terraform."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.audit import delivery_variables
from devtools.checks.check import Outcome, Status
from devtools.checks.execution import Command
from devtools.checks.gates import gate_outcome
from devtools.commands import run
from devtools.digests import digest_files
from devtools.environment import clean_environment
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.venvs import ensure_venv

NAME = "infrastructure"
MUTATIONS = "tests/infrastructure_mutations"
NO_TERRAFORM = Outcome(Status.NOT_CHECKED, "terraform is not on PATH")


@dataclass(frozen=True)
class InfrastructureCheck:
    """Formats, schemas, tests and policies of ``terraform/``, without a network.

    What it needs is large, and made only where it is needed.

    :param mutations: then prove as well that each rule catches its mistake.
    """

    layout: Layout
    mutations: bool = False

    def __call__(self, log: Path) -> Outcome:
        if shutil.which("terraform") is None:
            return NO_TERRAFORM
        checkov, bindings = self._tools()
        words = ["terraform", "--bindings", str(bindings), "--checkov", str(checkov)]
        status = self._command(
            ["python", "-m", "delivery", "infrastructure", *words], self.layout.root
        ).execute(log)
        if status == 0 and self.mutations:
            # The folder's own settings; outside the suite that needs no Terraform.
            status = self._command(
                ["pytest", "-c", f"{MUTATIONS}/pytest.ini", MUTATIONS],
                self.layout.root / "delivery",
                {"PROVIDER_BINDINGS": str(bindings), "CHECKOV": str(checkov)},
            ).execute(log)
        return gate_outcome(NAME, status, log)

    def _command(
        self, argv: list[str], cwd: Path, variables: Mapping[str, str] | None = None
    ) -> Command:
        environment = {**delivery_variables(self.layout), **(variables or {})}
        return Command(argv, cwd, self.layout.venv("delivery"), environment)

    def _tools(self) -> tuple[Path, Path]:
        """checkov, and the folder of the providers' schemas."""
        with exclusive(self.layout.cache / "infrastructure.lock", "prepares checkov"):
            ensure_venv(self.layout, NAME, lambda line: None)
            bindings = self._bindings()
        return self.layout.venv(NAME) / "bin" / "checkov", bindings

    def _bindings(self) -> Path:
        lock = self.layout.root / "requirements" / "infrastructure-data.txt"
        folder = self.layout.cache / "provider-bindings" / digest_files([lock])[:12]
        if (folder / "complete").is_file():
            return folder
        # Wheels of an interrupted download, or of an earlier lock, must not be found.
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        python = str(self.layout.python("delivery"))
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--quiet"]
        run(
            [python, "-m", "pip", "download", *options, "-d", ".", "-r", str(lock)],
            log=self.layout.logs / "provider-bindings.log",
            what="downloading the providers' schemas",
            cwd=folder,
            env=clean_environment({"PIP_DISABLE_PIP_VERSION_CHECK": "1"}),
        )
        (folder / "complete").touch()
        return folder
