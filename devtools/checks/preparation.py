"""Setting up, in two steps: what needs only tools does not wait for Odoo."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.check import PASSED, Check, Kind, Outcome
from devtools.layout import VENV_NAMES, Layout
from devtools.locks import exclusive
from devtools.preflight import check_machine
from devtools.provision import provision
from devtools.steps import Progress, Report, Step, run_steps
from devtools.venvs import ensure_venv

TOOLS = "tools"
SETUP = "setup"


@dataclass(frozen=True)
class Preparation:
    """Brings the checkout to where its checks can run."""

    layout: Layout

    def checks(self) -> list[Check]:
        """The two steps, as checks that others need."""
        return [
            Check(TOOLS, SETUP, Kind.SETUP, self._tools),
            Check(SETUP, SETUP, Kind.SETUP, self._everything, (TOOLS,), heavy=True),
        ]

    def _tools(self, log: Path) -> Outcome:
        with exclusive(self.layout.cache / "setup.lock", "sets this checkout up"):
            run_steps(
                [
                    Step("machine", self._machine),
                    *(self._virtualenv(name) for name in VENV_NAMES),
                ],
                Progress(sys.stdout),
            )
        return PASSED

    def _machine(self, report: Report) -> bool:
        return check_machine(self.layout, True, report)

    def _virtualenv(self, name: str) -> Step:
        def action(report: Report) -> bool:
            return ensure_venv(self.layout, name, report)

        return Step(f"virtualenv {name}", action, ("machine",))

    def _everything(self, log: Path) -> Outcome:
        provision(self.layout, with_tests=True)
        return PASSED
