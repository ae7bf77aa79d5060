"""``docs/benchmarks.md`` with its plot, written from one run."""

from __future__ import annotations

import os
import platform
import subprocess
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from devtools.bench.ingestion import (
    BATCH_CONNECTIONS,
    GROUP_ROWS,
    SINGLE_CONNECTIONS,
    Measured,
)
from devtools.bench.odoo_lag import EVERY_S, OdooLag
from devtools.bench.plot import svg
from devtools.bench.report import at_half, named, targets
from devtools.bench.stage import BATCH_ROWS
from devtools.checks.machine import versions
from devtools.layout import Layout

_WIDTH = 118
PLOT = "images/benchmarks.svg"
_PACKAGES = ("fastapi", "uvicorn", "asyncpg", "msgspec", "sqlalchemy", "pydantic")


def write_page(
    layout: Layout, measured: Measured, lag: OdooLag | None, day: date
) -> None:
    """Write the page and its plot into ``docs/``."""
    docs = layout.root / "docs"
    (docs / PLOT).parent.mkdir(parents=True, exist_ok=True)
    rates = [(name, cost.per_s) for name, cost in named(measured)]
    groups = [rates[:-2], rates[-2:]]
    (docs / PLOT).write_text(svg(groups, measured.memory), encoding="utf-8")
    text = "\n".join(page(layout, measured, lag, day))
    (docs / "benchmarks.md").write_text(text + "\n", encoding="utf-8")


def page(
    layout: Layout, measured: Measured, lag: OdooLag | None, day: date
) -> Iterator[str]:
    """The lines of the page."""
    yield from ("# Benchmarks", "")
    yield from _prose(
        f"Written by `make bench ARGS=--write` on {day}: one run, everything durable",
        "(`fsync` and `synchronous_commit` on), database, service and load on the same",
        "cores. Rates are of this machine; the ratios are what holds on others.",
    )
    yield from ("", "## Targets", "")
    yield from ("| target | wanted | measured | |", "|---|---|---|---|")
    for target in targets(measured, lag):
        verdict = "reached" if target.reached else "**missed**"
        yield f"| {target.what} | {target.wanted} | {target.found} | {verdict} |"
    yield ""
    yield from _beside(measured)
    yield from ("", "## Ways in", "")
    yield "| way | fixes/s | server | PostgreSQL | load | p50 | p99 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, cost in named(measured):
        latency = " | |"
        if cost.load is not None:
            latency = "".join(
                f" {cost.load.percentile_ms(percent):,.1f} ms |" for percent in (50, 99)
            )
        yield (
            f"| {name} | {cost.per_s:,.0f} | {cost.server_us:.1f} us | "
            f"{cost.database_us:.1f} us | {cost.load_us:.1f} us |{latency}"
        )
    yield from ("", f"![rates and memory]({PLOT})", "")
    yield from _how()
    yield ""
    yield from _rest(measured, lag)
    yield ""
    yield from _vehicle_day(measured)
    yield ""
    yield from _machine(layout)


def _beside(measured: Measured) -> list[str]:
    """What the ratios of the rates do not say by themselves."""
    ways = measured.ways
    return _prose(
        "Beside the harder ceilings, the batches reach",
        f"{ways.batch.per_s / ways.groups.per_s:.2f} of the idempotent one with",
        f"{GROUP_ROWS:,} rows a commit and {ways.batch.per_s / ways.plain.per_s:.2f}",
        "of",
        "plain `COPY`. A fix that comes alone takes the server",
        f"{ways.single.server_us:.0f} us of CPU, the tutorial's",
        f"{ways.tutorial.server_us:.0f} us:",
        f"{ways.tutorial.server_us / ways.single.server_us:.1f} times. The process",
        "that",
        "takes the fixes has one core at most. Rates, and so their ratios, also hold",
        "what",
        "other work on the machine took meanwhile: see its load below.",
    )


def _how() -> Iterator[str]:
    yield from _prose(
        "Server, PostgreSQL and load are CPU time for one fix; p50 and p99 are of a",
        "message at full load, from when it is sent until its answer, after commit.",
        "Each way is measured in turn, round after round; the round of middle rate",
        "counts.",
    )
    yield ""
    yield from _item(
        "**The ceiling** is one connection of `psql` that commits, for every",
        f"{BATCH_ROWS} rows, a `COPY` into a temporary table and an",
        "`INSERT ... ON CONFLICT DO NOTHING` into the service's own partitioned table:",
        "what a store cannot do without that keeps each fix once. The line below it",
        f"commits {GROUP_ROWS:,} rows at a time, about what the service's group commit",
        f"makes of {BATCH_CONNECTIONS} connections. `COPY` alone keeps nothing once.",
        "None of them parses JSON, moves a last position, fills the outbox or answers",
        "row",
        "by row; the service does all of it.",
    )
    yield from _item(
        f"**Batches** come over {BATCH_CONNECTIONS} connections, **single fixes** over",
        f"{SINGLE_CONNECTIONS}, to one process of the service.",
    )
    yield from _item(
        "**The tutorial's way** is [`support/tutorial.py`]"
        "(../gps_ingestion_service/tests/unit/support/tutorial.py): FastAPI, async",
        "SQLAlchemy, a pool of 20 connections, an insert and a commit for each",
        "request; one process, uvloop and httptools as ours, no access log, which ours",
        "writes.",
        "It keeps no last position and no outbox.",
    )
    yield from _item(
        "**Teltonika** trackers each hold a connection and send the next frame once",
        "the last is acknowledged.",
    )


def _rest(measured: Measured, lag: OdooLag | None) -> Iterator[str]:
    yield from ("## Half load, memory, Odoo", "")
    for name, load in at_half(measured):
        yield from _item(
            f"{name}: {load.per_s:,.0f} fixes/s, p50 {load.percentile_ms(50):.1f} ms,",
            f"p99 {load.percentile_ms(99):.1f} ms, from when a message is due",
        )
    memory = measured.memory
    yield from _item(
        f"memory over {memory.seconds[-1]:.0f} s and {measured.soak.stored:,} fixes",
        f"with live facts: {memory.mib[-1]:.0f} MiB at the end,",
        f"{memory.growth_mib:+.1f} MiB between",
        "the second and the last fifth (`--soak-s` for longer)",
    )
    yield from _item(
        f"a fix takes {measured.fix_bytes:.0f} bytes on disk with its index, and",
        f"{measured.wal_bytes:.0f} bytes of log in a batch",
    )
    if lag is not None:
        yield from _item(
            f"{lag.vehicles:,} vehicles of a real Odoo, one fix in {EVERY_S:g} s each,",
            f"{lag.positions:,} positions: from receipt until Odoo's commit",
            f"{lag.median_s:.1f} s, p99 {lag.p99_s:.1f} s, longest {lag.longest_s:.1f}",
            "s; each up to 1 s too long, because Odoo keeps whole seconds",
        )


def _vehicle_day(measured: Measured) -> Iterator[str]:
    day = measured.day
    yield from ("## A vehicle's day", "")
    yield from _prose(
        f"{day.fixes:,} fixes of one vehicle and day out of {day.rows:,}, over HTTP",
        f"until the last byte: {day.median_ms:.1f} ms, one in twenty {day.slow_ms:.1f}",
        "ms. PostgreSQL's own plan of the query that the service sent",
        "(`auto_explain`):",
    )
    yield from ("", "```text", *day.plan, "```", "")
    yield from _prose(
        "**At 100 million** nothing in this plan grows but the depth of a tree. The",
        "bounds leave the partition of the day, and that of the day before where they",
        "touch it, whatever the number of days: with ten times the days they are as",
        "large as here. With ten times the vehicles a day's index is ten times as",
        "large, which is at most one level more: one page more to read, of a thousand.",
        "The rows to read are the same, and each costs at most one page of the table,",
        "because the fixes of the vehicles come mixed. What grows with the history is",
        "the catalogue: every partition that is removed is looked at first, and three",
        'years of days are a thousand. `make bench ARGS="--history 100000000"`',
        "measures",
        "it where there is room for some 20 GB.",
    )


def _prose(*parts: str, first: str = "", then: str = "") -> list[str]:
    """One paragraph in lines of the length that the other pages have."""
    return textwrap.wrap(
        " ".join(parts),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _item(*parts: str) -> list[str]:
    return _prose(*parts, first="- ", then="  ")


def _machine(layout: Layout) -> Iterator[str]:
    yield "## Machine"
    yield ""
    yield "```text"
    yield f"  processor   {_processor()}, {os.cpu_count()} cores"
    yield f"  memory      {_memory_gib():.0f} GiB"
    yield f"  kernel      {platform.release()}"
    yield f"  load        {os.getloadavg()[2]:.1f} on average, the bench's own included"
    yield from versions(layout)
    yield f"  packages    {_packages(layout)}"
    yield "```"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _packages(layout: Layout) -> str:
    code = (
        "import sys\nfrom importlib.metadata import version\n"
        "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
    )
    return subprocess.run(
        [str(layout.python("gps")), "-c", code, *_PACKAGES],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
