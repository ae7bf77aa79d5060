"""Linters of what runs the pipelines, as the workflow ``lint-workflows`` runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.check import PASSED, Check, Kind, Outcome
from devtools.checks.execution import Command
from devtools.checks.preparation import SETUP, TOOLS
from devtools.checks.repository import Repository
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.venvs import ensure_venv

LINTERS = "workflow linters"
VENV = "workflows"
# As the workflow calls them, at the root.
ACTIONLINT = ("actionlint",)
ZIZMOR = (
    *("zizmor", "--offline", "--persona", "auditor"),
    *("--config", ".github/zizmor.yml", ".github"),
)


@dataclass(frozen=True)
class WorkflowLinters:
    """Makes the checks; their tools have a virtualenv and a lock of their own."""

    layout: Layout
    repository: Repository

    def checks(self, component: str) -> Iterator[Check]:
        """All of them, and what makes the virtualenv, which they need."""
        yield Check(LINTERS, SETUP, Kind.SETUP, self._prepare, (TOOLS,))
        for name, action in (
            ("actionlint", self._runs(*ACTIONLINT)),
            ("zizmor", self._runs(*ZIZMOR)),
            ("hadolint", self._hadolint),
        ):
            yield Check(name, component, Kind.LINT, action, (LINTERS,))

    def _prepare(self, log: Path) -> Outcome:
        with exclusive(self.layout.cache / "linters.lock", "prepares the linters"):
            ensure_venv(self.layout, VENV, lambda line: print(line, file=sys.stderr))
        return PASSED

    def _hadolint(self, log: Path) -> Outcome:
        files = self.repository.files
        named = [str(path) for path in files if path.name.endswith("Dockerfile")]
        return self._runs("hadolint", *named)(log)

    def _runs(self, *argv: str) -> Callable[[Path], Outcome]:
        return Command(argv, self.layout.root, self.layout.venv(VENV)).check
