"""``python -m delivery capacity``: the table of `docs/scaling.md`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from delivery.capacity.model import FixCost, Fleet, Measured, need

#: `make bench` on 2026-11-23, on one of two cores of a virtual machine that was busy
#: with other work: CPU time, so the other work does not count.
MEASURED = Measured(
    alone=FixCost(service_us=1068, database_us=143),
    batched=FixCost(service_us=28, database_us=8),
    fix_bytes=152,
    log_bytes=270,
)
FLEETS = (
    Fleet(1_000, batched=False, hot_days=90),
    Fleet(100_000, batched=False, hot_days=30),
    Fleet(100_000, batched=True, hot_days=30),
    Fleet(10_000_000, batched=False, hot_days=7),
    Fleet(10_000_000, batched=True, hot_days=7),
)


def main(arguments: Sequence[str]) -> int:
    """Print the table.

    :returns: 0.
    """
    argparse.ArgumentParser(
        prog="python -m delivery capacity", description=__doc__
    ).parse_args(arguments)
    print("\n".join(table()))
    return 0


def table() -> Iterator[str]:
    """What each fleet needs, in Markdown."""
    yield (
        "| vehicles | fixes come | fixes/s | service pods | databases, cores "
        "| log, peak | history, disk | USD a month |"
    )
    yield "|---:|---|---:|---:|---:|---:|---:|---:|"
    for fleet in FLEETS:
        found = need(fleet, MEASURED)
        come = "in batches" if fleet.batched else "alone"
        yield (
            f"| {fleet.vehicles:,} | {come} | {found.fixes_per_s:,.0f} "
            f"| {found.pods:,} | {found.databases}, {found.database_cores:,} "
            f"| {found.log_mb_s:,.2f} MB/s "
            f"| {fleet.hot_days} d, {found.disk_tb:,.2f} TB "
            f"| {found.usd_month:,.0f} |"
        )
