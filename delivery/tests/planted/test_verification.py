"""Faults that the verification of a commit finds; nothing of it reaches a registry."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import pytest

from delivery.runner.advisories import served
from delivery.runner.components import GPS, ODOO, Component
from planted import plants
from planted.checkout import Checkout
from planted.conftest import Twin
from planted.evidence import Evidence
from planted.faults import advisory
from planted.pipelines import Pipelines

STATIC = "Static Analysis & Code Quality"
UNIT = "Unit Test & Coverage"
TESTS, COVERAGE = "Run Unit Tests with Coverage", "Validate Coverage Threshold"
SCAN, GATE = "Dependency Vulnerability Scan", "Gate on the dependency scan"
# Listens nowhere: port 9 is "discard", which no machine serves any more.
NOWHERE = "http://127.0.0.1:9/v1/query"


@pytest.mark.parametrize(
    ("case", "plant", "step"),
    [
        ("lint error", plants.lint_error, "Lint Code"),
        ("unsorted import", plants.unsorted_import, "Format & Sort Imports"),
        ("unformatted code", plants.unformatted, "Format & Sort Imports"),
        (
            "Bandit finding",
            plants.bandit_finding,
            "Static Application Security Testing (SAST)",
        ),
    ],
    ids=["lint", "import", "format", "bandit"],
)
def test_code(
    case: str,
    plant: Callable[[Component], dict[str, str]],
    step: str,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    unplanted = twin(GPS)
    checkout.plant(plant(GPS))

    planted = pipelines.by_hand(checkout, GPS)

    evidence.fails(case, GPS, planted, (STATIC, step), unplanted)


def test_vulnerable_dependency(
    tmp_path: Path,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    unplanted = twin(GPS)
    version = plants.pinned(checkout, GPS, "fastapi")

    with served(advisory(tmp_path, "fastapi", version)) as records:
        planted = pipelines.by_hand(checkout, GPS, records)

    assert f"fastapi {version}: PYSEC-2026-99999" in planted.log((STATIC, GATE))
    evidence.fails("vulnerable dependency", GPS, planted, (STATIC, GATE), unplanted)


def test_nothing_audited(
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    unplanted = twin(GPS)

    planted = pipelines.by_hand(checkout, GPS, {"PIP_AUDIT_OSV_URL": NOWHERE})

    assert "NOT CHECKED" in planted.log((STATIC, GATE))
    evidence.fails("nothing audited", GPS, planted, (STATIC, GATE), unplanted)


def test_every_package_skipped(
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    """pip-audit's own service: out of reach, all is skipped, and that ends well.

    It is what a mirror of packages without advisories answers, as the platform's
    machine has one; where the real service is within reach, this plants nothing.
    """
    unplanted = twin(GPS)

    changes = {"PIP_AUDIT_VULNERABILITY_SERVICE": "pypi"}
    planted = pipelines.by_hand(checkout, GPS, changes)

    assert planted.passed((STATIC, SCAN)), planted.told
    assert "No known vulnerabilities found" in planted.log((STATIC, SCAN))
    assert "nothing was audited" in planted.log((STATIC, GATE)), planted.told
    evidence.fails("every package skipped", GPS, planted, (STATIC, GATE), unplanted)


@pytest.mark.parametrize("component", [GPS, ODOO], ids=attrgetter("key"))
def test_failing_test(
    component: Component,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    unplanted = twin(component)
    checkout.plant(plants.failing_test(component))

    planted = pipelines.by_hand(checkout, component)

    evidence.fails("failing test", component, planted, (UNIT, TESTS), unplanted)


@pytest.mark.parametrize("component", [GPS, ODOO], ids=attrgetter("key"))
def test_coverage_79(
    component: Component,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    twin: Twin,
) -> None:
    unplanted = twin(component)
    report = unplanted.log((UNIT, COVERAGE))
    checkout.plant(plants.uncovered_code(component, report, percent=79.0))

    planted = pipelines.by_hand(checkout, component)

    assert planted.passed((UNIT, TESTS)), planted.told
    assert "total of 79" in planted.log((UNIT, COVERAGE))
    evidence.fails("coverage 79 %", component, planted, (UNIT, COVERAGE), unplanted)
