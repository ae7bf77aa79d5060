"""Checks that are commands of ``delivery``, which may end NOT CHECKED."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.audit import NOT_CHECKED_STATUS, delivery_variables
from devtools.checks.check import PASSED, Outcome, Status, failed
from devtools.checks.execution import Command, verdict
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.processes import last_lines
from devtools.promtool import VARIABLE, ensure_promtool

MANIFESTS = "manifests"
WATCH = "watch"
WATCH_REAL = "tests/watch_real"


def gate_outcome(name: str, status: int, log: Path) -> Outcome:
    """What a gate of ``delivery`` found, by its exit status and its last line."""
    if status == 0:
        return PASSED
    reason = (last_lines(log, 1) or [""])[0].removeprefix(f"{name}: ")
    if status == NOT_CHECKED_STATUS:
        return Outcome(Status.NOT_CHECKED, reason.removeprefix("NOT CHECKED: "))
    return failed(reason or verdict(status).note)


@dataclass(frozen=True)
class ManifestsCheck:
    """Every overlay against Kubernetes' schemas and the policy."""

    layout: Layout

    def __call__(self, log: Path) -> Outcome:
        command = _delivery(self.layout, [MANIFESTS, "."])
        return gate_outcome(MANIFESTS, command.execute(log), log)


@dataclass(frozen=True)
class WatchCheck:
    """Alerting rules with their tests, and dashboards.

    :param mutations: then prove as well that the tests see a rule that is spoiled.
    """

    layout: Layout
    mutations: bool = False

    def __call__(self, log: Path) -> Outcome:
        try:
            variables = {VARIABLE: str(ensure_promtool(self.layout))}
        except DevtoolsError as error:
            return Outcome(Status.NOT_CHECKED, str(error))
        status = _delivery(self.layout, [WATCH, "."], variables).execute(log)
        if status == 0 and self.mutations:
            # The folder's own settings; outside the suite that needs no promtool.
            status = Command(
                ["pytest", "-c", f"{WATCH_REAL}/pytest.ini", WATCH_REAL],
                self.layout.root / "delivery",
                self.layout.venv("delivery"),
                {**delivery_variables(self.layout), **variables},
            ).execute(log)
        return gate_outcome(WATCH, status, log)


def _delivery(
    layout: Layout, words: list[str], variables: Mapping[str, str] | None = None
) -> Command:
    return Command(
        ["python", "-m", "delivery", *words],
        layout.root,
        layout.venv("delivery"),
        {**delivery_variables(layout), **(variables or {})},
    )
