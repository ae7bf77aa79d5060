"""The check of the watch: everything that can be known without a Prometheus running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.watch.dashboards import Dashboard, dashboard_problems, read_dashboards
from delivery.watch.exported import read_exported
from delivery.watch.promql import measured, unknown
from delivery.watch.promtool import Promtool
from delivery.watch.rules import RuleFile, alert_problems, read_rules, untested

RUNBOOK = "docs/runbooks/alerts.md"
EXPORTED = ("gps_ingestion_service/metrics.txt", "monitoring/exporters.txt")
_SECTION = re.compile(r"^### (\w+)$", re.M)


@dataclass(frozen=True)
class Watch:
    """Rules, their tests, and dashboards of a repository."""

    root: Path
    rules: list[RuleFile]
    tests: list[Path]
    dashboards: list[Dashboard]

    @classmethod
    def read(cls, root: Path) -> Watch:
        """Read ``monitoring/``.

        :raises DeliveryError: a file there is not what it should be.
        """
        folder = root / "monitoring"
        return cls(
            root,
            read_rules(folder / "base" / "rules"),
            sorted((folder / "tests").glob("*.yaml")),
            read_dashboards(folder / "base" / "dashboards"),
        )

    @property
    def alerts(self) -> int:
        """How many there are."""
        return sum(len(file.alerts) for file in self.rules)

    def problems(self) -> Iterator[str]:
        """What can be seen without promtool.

        :raises DeliveryError: a file names no type of a metric.
        """
        yield from self._alerts()
        yield from self._series()
        yield from self._unseen()
        yield from dashboard_problems(self.dashboards)

    def tried(self, promtool: Promtool) -> Iterator[str]:
        """What Prometheus would refuse, and which tests of the rules fail."""
        queries = {
            name: query
            for board in self.dashboards
            for name, query in board.queries.items()
        }
        yield from promtool.check(self.rules, queries)
        yield from promtool.test(self.rules, self.tests)

    def _alerts(self) -> Iterator[str]:
        sections = _SECTION.findall((self.root / RUNBOOK).read_text(encoding="utf-8"))
        headings = {section.lower() for section in sections}
        known = {alert.alert for file in self.rules for alert in file.alerts}
        for file in self.rules:
            yield from alert_problems(file, headings, RUNBOOK)
            yield from untested(file, list(self._tests_of(file)))
        for section in sections:
            if section not in known:
                yield f"{RUNBOOK}: {section} is no alert"

    def _tests_of(self, file: RuleFile) -> Iterator[dict[str, Any]]:
        for path in self.tests:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            if f"{file.name}.yaml" in found["rule_files"]:
                yield from found["tests"]

    def _series(self) -> Iterator[str]:
        exported = read_exported(self.root / name for name in EXPORTED)
        recorded = {rule.record for file in self.rules for rule in file.rules}
        for file in self.rules:
            for rule in file.rules:
                for what in unknown(rule.expression, exported, recorded):
                    yield f"{file.name}: {rule.alert or rule.record}: {what}"
        for board in self.dashboards:
            for name, query in board.queries.items():
                for what in unknown(query, exported, recorded):
                    yield f"{name}: {what}"

    def _unseen(self) -> Iterator[str]:
        """Alerts about what the dashboard of their component does not show."""
        recorded = {
            rule.record: rule.expression
            for file in self.rules
            for rule in file.rules
            if rule.record
        }
        for file in self.rules:
            shown = {
                name
                for board in self.dashboards
                if board.path.stem == file.name
                for query in board.queries.values()
                for name in measured(query, recorded)
            }
            for alert in file.alerts:
                if not shown & set(measured(alert.expression, recorded)):
                    yield f"{file.name}: no panel shows what {alert.alert} watches"
