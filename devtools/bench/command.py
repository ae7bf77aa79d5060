"""``make bench``: measure, print, and keep the result where it is read."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from devtools.bench.ingestion import Measured, Sizes, measure
from devtools.bench.odoo_lag import OdooLag, measure_lag
from devtools.bench.page import write_page
from devtools.bench.report import lines
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.provision import provision
from devtools.venvs import ensure_venv

_DEFAULT = Sizes()
_VEHICLES = 1000
_LAG_S = 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be measured more or less of."""
    for name, default, about in (
        ("rounds", _DEFAULT.rounds, "times that each way in is measured, in turn"),
        ("batched", _DEFAULT.batched, "fixes of a round in batches, and by COPY"),
        ("singles", _DEFAULT.singles, "fixes of a round one by one"),
        ("trackers", _DEFAULT.trackers, "connections of Teltonika trackers"),
        ("frames", _DEFAULT.frames, "frames of each of them"),
        ("history", _DEFAULT.history, "fixes that a vehicle's day is read from"),
        ("vehicles", _VEHICLES, "vehicles of a real Odoo; 0: without Odoo"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{about} (default: %(default)s)",
        )
    for name, seconds, about in (
        ("half-s", _DEFAULT.half_s, "seconds of each load at half of what was reached"),
        ("soak-s", _DEFAULT.soak_s, "seconds for which memory is watched"),
        ("lag-s", _LAG_S, "seconds for which the vehicles of Odoo send"),
    ):
        parser.add_argument(
            f"--{name}",
            type=float,
            default=seconds,
            metavar="S",
            help=f"{about} (default: %(default)g)",
        )
    parser.add_argument(
        "--write", action="store_true", help="keep the result in docs/benchmarks.md"
    )


def bench(layout: Layout, options: argparse.Namespace) -> int:
    """Measure everything in one run."""
    if options.vehicles:
        provision(layout, with_tests=False)
    else:
        with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
            ensure_venv(layout, "gps", print)
    sizes = Sizes(
        rounds=options.rounds,
        batched=options.batched,
        singles=options.singles,
        trackers=options.trackers,
        frames=options.frames,
        half_s=options.half_s,
        soak_s=options.soak_s,
        history=options.history,
    )
    lag: OdooLag | None = None
    if options.vehicles:
        lag = measure_lag(layout, options.vehicles, options.lag_s)
    measured: Measured = measure(layout, sizes)
    for line in lines(measured, lag):
        print(line)
    if options.write:
        write_page(layout, measured, lag, datetime.now(UTC).date())
    return 0
