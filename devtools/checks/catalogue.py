"""Every check there is."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from devtools.checks.audit import FURTHER_LOCKS, AdvisoryService, AuditCheck
from devtools.checks.check import Check, Kind, Outcome, Status
from devtools.checks.components import ADDON, COMPONENTS, Component
from devtools.checks.coverage_report import CoverageCompleteness
from devtools.checks.execution import Command
from devtools.checks.gates import MANIFESTS, WATCH, ManifestsCheck, WatchCheck
from devtools.checks.infrastructure import NAME as INFRASTRUCTURE
from devtools.checks.infrastructure import InfrastructureCheck
from devtools.checks.preparation import SETUP, TOOLS, Preparation
from devtools.checks.repository_checks import RepositoryChecks
from devtools.checks.suite import SuiteCheck, judge_suite, node_writes
from devtools.checks.system import RunningSystem
from devtools.layout import Layout

SYSTEM = "integration system"

# As the delivery pipelines call them, in a component's Source Path.
LINTERS = {
    "flake8 errors": "flake8 . --count --select=E9,F63,F7,F82 "
    "--show-source --statistics",
    "flake8": "flake8 .",
    "black": "black . --check",
    "isort": "isort . --check-only",
    "bandit": "bandit -r . -ll -ii",
}
UNIT_TESTS = "pytest --cov=./ --cov-report=xml"
# Component, what has to be there, command line.
SOAKS = (
    ("gps", TOOLS, "pytest tests/unit/faults"),
    ("e2e", SETUP, "pytest e2e/test_faults.py"),
)


@dataclass
class Catalogue:
    """Makes the checks, and holds what several of them share.

    :param reports: folder for logs and results.
    """

    layout: Layout
    reports: Path
    system: RunningSystem = field(init=False)
    advisories: AdvisoryService = field(init=False)

    def __post_init__(self) -> None:
        self.system = RunningSystem(self.layout)
        self.advisories = AdvisoryService(self.layout, self.reports / "advisories.log")

    def close(self) -> None:
        """End whatever the checks have started and share."""
        self.advisories.close()
        self.system.close()

    def checks(self) -> list[Check]:
        """All checks, the long ones first."""
        lints = [check for part in COMPONENTS for check in self._lint(part)]
        return [
            *Preparation(self.layout).checks(),
            *self._addon_tests(),
            self._map_rules(),
            *self._system_tests(),
            *self._infrastructure(),
            *(check for part in COMPONENTS for check in self._unit_tests(part)),
            *self._soaks(),
            *self._audits(),
            *lints,
            *RepositoryChecks(self.layout).checks(),
        ]

    # -- one component -------------------------------------------------------------

    def _command(self, component: Component, line: str, timeout_s: float) -> Command:
        return Command(
            line.split(),
            cwd=component.source_path(self.layout),
            venv=self.layout.venv(component.venv),
            timeout_s=timeout_s,
        )

    def _check(self, component: Component, name: str, kind: Kind, line: str) -> Check:
        action = self._command(component, line, timeout_s=600).check
        return Check(f"{component.name} {name}", component.name, kind, action, (TOOLS,))

    def _lint(self, component: Component) -> Iterator[Check]:
        for name, line in LINTERS.items():
            yield self._check(component, name, Kind.LINT, line)
        typed = replace(component, venv=component.typed_in or component.venv)
        yield self._check(typed, "mypy", Kind.LINT, " ".join(component.typed))
        if component is ADDON:
            line = "pylint --rcfile=.pylintrc ."
            yield self._check(component, "pylint-odoo", Kind.LINT, line)

    def _unit_tests(self, component: Component) -> Iterator[Check]:
        if not component.unit_tests:
            return
        name = f"{component.name} unit tests"
        command = self._command(component, UNIT_TESTS, timeout_s=1200)
        suite = SuiteCheck(name, command)
        yield Check(name, component.name, Kind.TEST, suite, (TOOLS,), heavy=True)
        yield from self._coverage(component, name)

    def _coverage(self, component: Component, tests: str) -> Iterator[Check]:
        line = f"coverage report --fail-under={component.coverage_minimum}"
        report = self._command(component, line, timeout_s=300).check
        complete = CoverageCompleteness(component.source_path(self.layout))
        for name, action in (("coverage", report), ("coverage is complete", complete)):
            name = f"{component.name} {name}"
            yield Check(name, component.name, Kind.TEST, action, (tests,))

    def _soaks(self) -> Iterator[Check]:
        """The fault tests in their long form; outages of ten minutes are among them."""
        for name, needs, line in SOAKS:
            component = next(part for part in COMPONENTS if part.name == name)
            command = replace(
                self._command(component, line, timeout_s=2 * 3600),
                variables={"FAULTS": "soak"},
            )
            name = f"{component.name} soak"
            suite = SuiteCheck(name, command)
            yield Check(name, component.name, Kind.SOAK, suite, (needs,), heavy=True)

    def _audits(self) -> Iterator[Check]:
        for part in COMPONENTS:
            if part.audited:
                action = AuditCheck(
                    self.layout,
                    self.advisories,
                    part.source_path(self.layout),
                    self.layout.venv(part.venv),
                )
                yield self._audit(part.name, f"{part.name} pip-audit", action)
        for component, path in FURTHER_LOCKS:
            lock = self.layout.root / path
            action = AuditCheck(
                self.layout,
                self.advisories,
                lock.parent,
                self.layout.venv("delivery"),
                lock.name,
                # A lock with hashes names everything; pip has nothing to resolve.
                ("--disable-pip",),
            )
            name = f"{component} {lock.stem} pip-audit"
            yield self._audit(component, name, action)

    def _audit(self, component: str, name: str, action: AuditCheck) -> Check:
        return Check(name, component, Kind.AUDIT, action, (TOOLS,))

    def _infrastructure(self) -> Iterator[Check]:
        for name, action in (
            (MANIFESTS, ManifestsCheck(self.layout)),
            (WATCH, WatchCheck(self.layout)),
            (INFRASTRUCTURE, InfrastructureCheck(self.layout)),
        ):
            kind, heavy = Kind.TEST, name == INFRASTRUCTURE
            yield Check(name, INFRASTRUCTURE, kind, action, (TOOLS,), heavy=heavy)

    # -- what needs a running Odoo ----------------------------------------------------

    def _addon_tests(self) -> Iterator[Check]:
        name = "addon tests"

        def action(log: Path) -> Outcome:
            # In a process of its own, so that its output goes into the log.
            results = log.with_suffix("")
            status = Command(
                [sys.executable, "-m", "devtools.checks.addon_suite", str(results)],
                cwd=self.layout.root,
                venv=self.layout.venv("odoo"),
                timeout_s=1800,
            ).execute(log)
            outcome = judge_suite(name, status, results.glob("*.xml"), log)
            if outcome.status is Status.FAILED and not outcome.tests_failed:
                # Its own last word is better than its exit status.
                said = re.search(
                    r"^(?:error|addon tests FAILED).*",
                    log.read_text(errors="replace"),
                    re.M,
                )
                return replace(outcome, note=said[0] if said else outcome.note)
            return outcome

        yield Check(name, ADDON.name, Kind.TEST, action, (SETUP,), heavy=True)
        yield from self._coverage(ADDON, name)

    def _map_rules(self) -> Check:
        """The live map's pure JavaScript, under Node's own test runner."""
        name = "addon map rules"
        command = self._command(ADDON, "npm test", timeout_s=300)
        suite = SuiteCheck(name, command, node_writes)
        return Check(name, ADDON.name, Kind.TEST, suite, (SETUP,))

    def _system_tests(self) -> Iterator[Check]:
        e2e = next(part for part in COMPONENTS if part.name == "e2e")
        suite = SuiteCheck("e2e tests", self._command(e2e, "pytest", timeout_s=1800))
        yield Check("e2e tests", "e2e", Kind.TEST, suite, (SETUP,), heavy=True)
        yield Check(
            SYSTEM, "integration", Kind.TEST, self.system.start, (SETUP,), heavy=True
        )
        for component in ("addon", "gps"):
            yield self._integration(component)

    def _integration(self, component: str) -> Check:
        part = next(part for part in COMPONENTS if part.name == component)
        name = f"{component} integration tests"

        def action(log: Path) -> Outcome:
            of_odoo = component == ADDON.name
            system = self.system
            command = Command(
                ["pytest", "tests/integration/"],
                cwd=part.source_path(self.layout),
                venv=self.layout.venv("integration"),
                variables=(
                    system.odoo_variables() if of_odoo else system.gps_variables()
                ),
            )
            return SuiteCheck(name, command)(log)

        return Check(name, component, Kind.TEST, action, (SYSTEM,))
