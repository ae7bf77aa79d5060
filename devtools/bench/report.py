"""The measurement as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devtools.bench.ingestion import GROUP_ROWS, Measured
from devtools.bench.load import Load
from devtools.bench.odoo_lag import EVERY_S, OdooLag
from devtools.bench.stage import BATCH_ROWS, Cost
from devtools.bench.teltonika import RECORDS

OF_CEILING = 0.6
OF_TUTORIAL = 4.0
ODOO_S = 10.0
DAY_MS = 50.0


@dataclass(frozen=True)
class Target:
    """What was wanted, and what came of it."""

    what: str
    wanted: str
    found: str
    reached: bool


def named(measured: Measured) -> list[tuple[str, Cost]]:
    """Every way in with its name, the cheapest first."""
    ways = measured.ways
    return [
        (f"COPY, {BATCH_ROWS} rows a commit", ways.plain),
        (f"COPY + INSERT ON CONFLICT, {BATCH_ROWS} rows", ways.ceiling),
        (f"the same, {GROUP_ROWS:,} rows", ways.groups),
        (f"HTTP, {BATCH_ROWS} fixes a request", ways.batch),
        ("the same, with live facts", ways.batch_facts),
        (f"Teltonika, {RECORDS} records a frame", measured.trackers),
        ("HTTP, one fix a request", ways.single),
        ("the same, the tutorial's way", ways.tutorial),
    ]


def targets(measured: Measured, lag: OdooLag | None) -> Iterator[Target]:
    """Each target with what was measured."""
    ways, day = measured.ways, measured.day
    yield Target(
        f"batches of {BATCH_ROWS} over HTTP, facts off, of the idempotent ceiling",
        f"at least {OF_CEILING:g}",
        f"{ways.of_ceiling:.2f}",
        ways.of_ceiling >= OF_CEILING,
    )
    yield Target(
        "one fix a request, times the tutorial's way",
        f"at least {OF_TUTORIAL:g}",
        f"{ways.of_tutorial:.1f}",
        ways.of_tutorial >= OF_TUTORIAL,
    )
    yield Target(
        f"a vehicle's day out of {day.rows:,} fixes",
        f"under {DAY_MS:g} ms",
        f"{day.median_ms:.0f} ms, one in twenty {day.slow_ms:.0f} ms",
        day.slow_ms < DAY_MS,
    )
    if lag is not None:
        yield Target(
            f"received until in Odoo, p99, {lag.vehicles:,} vehicles",
            f"under {ODOO_S:g} s",
            f"{lag.p99_s:.1f} s",
            lag.p99_s < ODOO_S,
        )


def lines(measured: Measured, lag: OdooLag | None) -> Iterator[str]:
    """Tables, and ratios: they hold on another machine as well, rates do not."""
    yield (
        f"{'':42s}{'fixes/s':>9s}{'server':>9s}{'database':>9s}{'load':>7s}"
        f"{'p50':>8s}{'p99':>8s}"
    )
    yield f"{'':51s}{'us of CPU for one fix':>25s}{'ms, full load':>16s}"
    for name, cost in named(measured):
        yield f"{name:42s}{_numbers(cost)}"
    yield ""
    for name, load in at_half(measured):
        yield (
            f"{name:42s}{load.per_s:9,.0f} fixes/s, p50 "
            f"{load.percentile_ms(50):.1f} ms, p99 {load.percentile_ms(99):.1f} ms"
        )
    memory = measured.memory
    yield (
        f"memory over {memory.seconds[-1]:.0f} s and {measured.soak.stored:,} fixes: "
        f"{memory.mib[-1]:.0f} MiB, {memory.growth_mib:+.1f} MiB after it had settled"
    )
    yield f"{measured.fix_bytes:.0f} bytes on disk, {measured.wal_bytes:.0f} of log"
    if lag is not None:
        yield (
            f"{lag.vehicles:,} vehicles, one fix in {EVERY_S:g} s each: "
            f"{lag.positions:,} positions in Odoo after {lag.median_s:.1f} s, "
            f"p99 {lag.p99_s:.1f} s, longest {lag.longest_s:.1f} s"
        )
    yield ""
    for target in targets(measured, lag):
        verdict = "reached" if target.reached else "MISSED "
        yield f"{verdict}  {target.what}: {target.found} ({target.wanted})"
    yield ""
    yield from measured.day.plan


def at_half(measured: Measured) -> list[tuple[str, Load]]:
    """The loads at half of what was reached."""
    return [
        (f"at half load, {BATCH_ROWS} fixes a request", measured.half_batch),
        ("at half load, one fix a request", measured.half_single),
    ]


def _numbers(cost: Cost) -> str:
    latency = f"{'':16s}"
    if cost.load is not None:
        latency = "".join(f"{cost.load.percentile_ms(p):8.1f}" for p in (50, 99))
    return (
        f"{cost.per_s:9,.0f}{cost.server_us:9.1f}{cost.database_us:9.1f}"
        f"{cost.load_us:7.1f}{latency}"
    )
