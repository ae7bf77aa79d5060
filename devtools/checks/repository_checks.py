"""Checks of the repository as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from devtools.checks import hygiene
from devtools.checks.audit import delivery_variables
from devtools.checks.check import Check, Kind, Outcome
from devtools.checks.execution import Command
from devtools.checks.hygiene import HygieneCheck
from devtools.checks.preparation import TOOLS
from devtools.checks.repository import Repository
from devtools.checks.workflow_linters import WorkflowLinters
from devtools.layout import VENV_NAMES, Layout

COMPONENT = "repository"
# The one that Debian 12 has.
OLDEST_PYTHON = "3.11.2"


@dataclass
class RepositoryChecks:
    """Makes the checks that look at all files, or at what all components share."""

    layout: Layout

    @cached_property
    def repository(self) -> Repository:
        """The files of this checkout."""
        return Repository(self.layout.root)

    def checks(self) -> Iterator[Check]:
        """All of them."""
        finders = {
            "no registry hosts": (hygiene.registry_hosts, "take them out"),
            "no long files": (hygiene.long_files, "split them"),
            "no dead links": (hygiene.dead_links, "mend or remove them"),
            "no secrets": (hygiene.secrets, "remove and replace them"),
        }
        for name, (find, hint) in finders.items():
            action = HygieneCheck(self.repository, find, hint)
            yield Check(name, COMPONENT, Kind.LINT, action)
        for name, check in (
            ("shellcheck", self._shellcheck),
            ("lock current", self._locks),
            (f"locks fit Python {OLDEST_PYTHON}", self._python),
        ):
            yield Check(name, COMPONENT, Kind.LINT, check, (TOOLS,))
        yield from WorkflowLinters(self.layout, self.repository).checks(COMPONENT)

    def _shellcheck(self, log: Path) -> Outcome:
        files = [str(path) for path in self.repository.shell_files()]
        return self._run(log, "shellcheck", "--enable=all", *files)

    def _locks(self, log: Path) -> Outcome:
        files = self.repository.files
        sources = [str(path) for path in files if path.suffix == ".in"]
        return self._run(log, "python", "-m", "delivery", "lock-current", *sources)

    def _python(self, log: Path) -> Outcome:
        venvs = [str(self.layout.venv(name)) for name in VENV_NAMES]
        version = ["--python", OLDEST_PYTHON]
        argv = ["python", "-m", "delivery", "python-support", *version, *venvs]
        return self._run(log, *argv)

    def _run(self, log: Path, *argv: str) -> Outcome:
        venv = self.layout.venv("delivery")
        variables = delivery_variables(self.layout)
        return Command(argv, self.layout.root, venv, variables).check(log)
