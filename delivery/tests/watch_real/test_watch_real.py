"""With Prometheus' own promtool: the tests of the rules see what is spoiled.

Run by `make infra-check`, which gets promtool: ``PROMTOOL`` names it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from delivery.watch.check import Watch
from delivery.watch.promtool import Promtool

ROOT = Path(__file__).resolve().parents[3]
GPS = "gps-ingestion-service"
ODOO = "tms-odoo"


@pytest.fixture(scope="module")
def promtool() -> Promtool:
    found = Promtool.find()
    assert found, "set PROMTOOL, or run `make infra-check`"
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "monitoring", tmp_path / "monitoring")
    return tmp_path


#: Component, what stands in its rules, by what it is replaced, which alert is wrong.
SPOILED = (
    (GPS, 'status=~"5.."', 'status=~"4.."', "GpsErrorBudgetBurnsFast"),
    (GPS, 'outcome="unavailable"', 'outcome="refused"', "GpsErrorBudgetBurnsFast"),
    (GPS, 'le="10.0"', 'le="30.0"', "GpsPositionsLate"),
    (GPS, "gps_outbox_oldest_seconds) > 60", "gps_outbox_oldest_seconds) > 600",
     "GpsOutboxStuck"),
    (GPS, "gps_push_leader) != 1", "gps_push_leader) == 0", "GpsNobodyPushes"),
    (GPS, "sum by (namespace) (gps_event_push_leader) != 1", "vector(1) > 1",
     "GpsNobodyPushes"),
    (GPS, "gps_facts_due_oldest_seconds) > 60", "gps_facts_due_oldest_seconds) > 6000",
     "GpsFactsLate"),
    (GPS, "increase(gps_facts_failed_total[15m])", "max_over_time(gps_facts_due[15m])",
     "GpsFactsFail"),
    (GPS, "gps_events_oldest_seconds) > 60", "gps_events_oldest_seconds) > 6000",
     "GpsEventsStuck"),
    (GPS, 'state="dead"', 'state="due"', "GpsEventsDead"),
    (GPS, 'outcome="failed"', 'outcome="dropped"', "GpsRetentionFails"),
    (GPS, "overdue_days) > 1", "overdue_days) > 10", "GpsRetentionLate"),
    (GPS, "overdue_days) > 1", "overdue_days) > 0", "GpsRetentionLate"),
    (GPS, "> max by (namespace) (process", "> -max by (namespace) (process",
     "GpsNoFixes"),
    (GPS, "gps_errors:ratio_rate3d > 1 *", "gps_errors:ratio_rate3d > 9 *",
     "GpsErrorBudgetBurnsSlowly"),
    (GPS, " and namespace:gps_errors:ratio_rate6h > 1 * 0.001", "",
     "GpsErrorBudgetBurnsSlowly"),
    (GPS, "gps_late_positions:ratio_rate3d > 1 *",
     "gps_late_positions:ratio_rate3d > 9 *", "GpsPositionsOftenLate"),
    (ODOO, "odoo_errors:ratio_rate3d > 1 *", "odoo_errors:ratio_rate3d > 9 *",
     "OdooErrorBudgetBurnsSlowly"),
    (ODOO, "1 - avg by (namespace)", "avg by (namespace)", "OdooErrorBudgetBurnsFast"),
    (ODOO, "[15m]) > 0.2", "[15m]) > 2", "OdooSlow"),
    (ODOO, "[30m])) > 2", "[30m])) > 20", "OdooRestarts"),
)  # fmt: skip


def test_the_rules_pass_their_tests(promtool: Promtool) -> None:
    assert list(Watch.read(ROOT).tried(promtool)) == []


@pytest.mark.parametrize(("component", "old", "new", "alert"), SPOILED)
def test_a_spoiled_rule_fails_its_test(
    promtool: Promtool,
    repository: Path,
    component: str,
    old: str,
    new: str,
    alert: str,
) -> None:
    rules = repository / "monitoring" / "base" / "rules" / f"{component}.yaml"
    content = rules.read_text()
    assert old in content
    rules.write_text(content.replace(old, new))
    watch = Watch.read(repository)
    about = [test for test in watch.tests if alert in test.read_text()]
    found = promtool.test(watch.rules, about)
    assert any(alert in line for line in found), found


def test_a_query_that_prometheus_cannot_read_is_named(
    promtool: Promtool, repository: Path
) -> None:
    board = repository / "monitoring" / "base" / "dashboards" / f"{ODOO}.yaml"
    content = board.read_text()
    board.write_text(content.replace("sum by (phase) (", "sum by (phase ("))
    watch = Watch.read(repository)
    queries = watch.dashboards[1].queries
    found = promtool.check(watch.rules, queries)
    assert any("Where a probe spends its time" in line for line in found), found
