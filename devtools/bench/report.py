"""The measurement as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from devtools.bench.ingestion import BATCH_ROWS, Measured


def lines(measured: Measured) -> Iterator[str]:
    """A table, and ratios: they hold on another machine as well, rates do not."""
    yield "                            fixes/s   service us/fix   database us/fix"
    for name, cost in (
        ("one position per request", measured.single),
        (f"{BATCH_ROWS} positions per request", measured.batch),
        (f"COPY, {BATCH_ROWS} rows per commit", measured.copy),
    ):
        yield (
            f"{name:26s}{cost.per_s:9,.0f}{cost.service_us:17.0f}"
            f"{cost.database_us:18.0f}"
        )
    single, batch, copy = measured.single, measured.batch, measured.copy
    alone = (single.service_us + single.database_us) / (
        batch.service_us + batch.database_us
    )
    yield f"a fix alone costs {alone:.1f} times the CPU of one in a batch"
    ceiling = batch.database_us / copy.database_us
    yield f"the database works {ceiling:.1f} times as long on it as on a bare COPY"
    yield f"{measured.fix_bytes:.0f} bytes on disk, {measured.wal_bytes:.0f} of log"
    day = measured.day
    yield (
        f"a vehicle's day of {day.fixes:,} fixes out of {day.rows:,} is read in "
        f"{day.median_ms:.0f} ms, in {day.slow_ms:.0f} ms one time in twenty"
    )
    yield from day.plan
