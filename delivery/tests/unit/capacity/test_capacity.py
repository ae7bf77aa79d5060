"""The arithmetic behind docs/scaling.md, by hand and by its own properties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from delivery.capacity.cli import table
from delivery.capacity.model import FixCost, Fleet, Measured, Policy, Prices, need
from delivery.cli import main

ROOT = Path(__file__).resolve().parents[4]
COSTS = Measured(FixCost(1000, 100), FixCost(20, 10), fix_bytes=100, log_bytes=200)
FLEET = Fleet(100_000, batched=False, hot_days=100)


def test_a_fleet_by_hand() -> None:
    found = need(FLEET, COSTS)
    # 100,000 vehicles every 10 s; twice that at the peak; half a core may be in use.
    assert found.fixes_per_s == found.odoo_rows_per_s == 10_000
    assert found.pods == 20_000 * 0.001 / 0.5
    assert found.database_cores == 20_000 * 0.0001 / 0.5
    assert found.log_mb_s == 20_000 * 200 / 1e6
    assert found.disk_tb == pytest.approx(10_000 * 86_400 * 100 * 100 / 1e12)
    assert found.databases == 2, "8.64 TB are more than one database should hold"
    hourly = 40 * 0.05 + 4 * 0.25
    assert found.usd_month == pytest.approx(hourly * 730 + 8640 * 0.25)


def test_a_small_fleet_still_has_a_pod_to_spare() -> None:
    found = need(Fleet(1, batched=False, hot_days=1), COSTS)
    assert (found.pods, found.databases, found.database_cores) == (2, 1, 2)


def test_batches_spare_pods_and_change_no_byte() -> None:
    alone = need(FLEET, COSTS)
    batched = need(replace(FLEET, batched=True), COSTS)
    assert batched.pods == 2 < alone.pods
    assert (batched.disk_tb, batched.log_mb_s) == (alone.disk_tb, alone.log_mb_s)
    assert batched.usd_month < alone.usd_month


@pytest.mark.parametrize(
    ("policy", "databases"),
    [
        (Policy(database_cores=1), 4),
        (Policy(database_log_mb_s=0.5), 8),
        (Policy(database_tb=1), 9),
    ],
)
def test_the_tightest_limit_says_how_many_databases(
    policy: Policy, databases: int
) -> None:
    assert need(FLEET, COSTS, policy).databases == databases


def test_each_database_has_two_cores() -> None:
    found = need(replace(FLEET, batched=True), COSTS, Policy(database_tb=1))
    assert (found.databases, found.database_cores) == (9, 18)


def test_twice_the_fleet_needs_twice_as_much() -> None:
    once, twice = need(FLEET, COSTS), need(replace(FLEET, vehicles=200_000), COSTS)
    assert twice.pods == 2 * once.pods
    assert twice.disk_tb == pytest.approx(2 * once.disk_tb)
    assert twice.usd_month == pytest.approx(2 * once.usd_month)


def test_prices_are_only_prices() -> None:
    free = Prices(core_h=0, database_core_h=0, disk_gb_month=0)
    assert need(FLEET, COSTS, prices=free) == replace(need(FLEET, COSTS), usd_month=0)


@pytest.mark.parametrize(
    "fleet",
    [
        Fleet(0, batched=True, hot_days=1),
        Fleet(1, batched=True, hot_days=0),
        Fleet(1, batched=True, hot_days=1, interval_s=0),
    ],
)
def test_what_is_no_fleet_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ValueError, match="a fleet has vehicles"):
        need(fleet, COSTS)


def test_the_document_shows_what_the_model_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert "\n".join(table()) in document, "put the output of `delivery capacity` in"
    assert main(["capacity"]) == 0
    assert capsys.readouterr().out.strip() == "\n".join(table())
