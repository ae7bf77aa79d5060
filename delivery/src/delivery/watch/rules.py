"""Alerting and recording rules, kept as the objects that the operator reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.errors import DeliveryError

SEVERITIES = ("page", "ticket")


@dataclass(frozen=True)
class Rule:
    """One rule; ``alert`` or ``record`` is empty."""

    alert: str
    record: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class RuleFile:
    """A PrometheusRule.

    :param spec: what Prometheus itself would read as a file of rules.
    """

    path: Path
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        """The component it watches."""
        return self.path.stem

    @property
    def rules(self) -> Iterator[Rule]:
        """All of its rules."""
        for group in self.spec["groups"]:
            for rule in group["rules"]:
                yield Rule(
                    rule.get("alert", ""),
                    rule.get("record", ""),
                    str(rule["expr"]),
                    rule.get("labels", {}),
                    rule.get("annotations", {}),
                )

    @property
    def alerts(self) -> list[Rule]:
        """Those that may fire."""
        return [rule for rule in self.rules if rule.alert]


def read_rules(folder: Path) -> list[RuleFile]:
    """Every PrometheusRule of a folder.

    :raises DeliveryError: a file holds something else.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        item = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(item, dict) or item.get("kind") != "PrometheusRule":
            raise DeliveryError(f"{path}: must hold one PrometheusRule")
        found.append(RuleFile(path, item["spec"]))
    return found


def alert_problems(file: RuleFile, headings: set[str], runbook: str) -> Iterator[str]:
    """Alerts that do not tell whoever is woken what to do.

    :param headings: anchors of the runbook's sections.
    :param runbook: its path in the repository.
    """
    for alert in file.alerts:
        about = f"{file.name}: {alert.alert}"
        if alert.labels.get("severity") not in SEVERITIES:
            yield f"{about}: severity must be one of {', '.join(SEVERITIES)}"
        if not alert.annotations.get("summary"):
            yield f"{about}: has no summary"
        link, _, anchor = alert.annotations.get("runbook", "").partition("#")
        if link != runbook or anchor != alert.alert.lower():
            yield f"{about}: runbook must be {runbook}#{alert.alert.lower()}"
        elif anchor not in headings:
            yield f"{about}: {runbook} has no section {alert.alert}"


def untested(file: RuleFile, tests: list[dict[str, Any]]) -> Iterator[str]:
    """Alerts of which no test shows that they fire, or that they stay silent."""
    shown: dict[bool, set[str]] = {True: set(), False: set()}
    for test in tests:
        for case in test.get("alert_rule_test", []):
            shown[bool(case["exp_alerts"])].add(case["alertname"])
    for alert in file.alerts:
        if alert.alert not in shown[True]:
            yield f"{file.name}: no test in which {alert.alert} fires"
        if alert.alert not in shown[False]:
            yield f"{file.name}: no test in which {alert.alert} does not fire"
