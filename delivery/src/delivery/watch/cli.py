"""``python -m delivery watch``: alerting rules, their tests, and dashboards."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from delivery.verdict import Outcome, Verdict
from delivery.watch.check import Watch
from delivery.watch.dashboards import text
from delivery.watch.promtool import Promtool

GATE = "watch"


def main(arguments: Sequence[str]) -> int:
    """Check the watch, or write the files that Grafana reads.

    :returns: the exit status: 0 clean, 1 failed, 3 NOT CHECKED.
    :raises DeliveryError: a file is not what it should be.
    """
    parser = argparse.ArgumentParser(
        prog="python -m delivery watch", description=__doc__
    )
    parser.add_argument("root", type=Path, help="the repository")
    parser.add_argument(
        "--write", action="store_true", help="write the dashboards' JSON, check nothing"
    )
    options = parser.parse_args(arguments)
    watch = Watch.read(options.root)
    if options.write:
        for dashboard in watch.dashboards:
            dashboard.rendered.write_text(text(dashboard), encoding="utf-8")
            print(f"wrote {dashboard.rendered}")
        return 0
    verdict = judge(watch)
    print(verdict.render(GATE), flush=True)
    return verdict.outcome.value


def judge(watch: Watch) -> Verdict:
    """The verdict over rules, tests and dashboards.

    :raises DeliveryError: a file is not what it should be.
    """
    promtool = Promtool.find()
    if promtool is None:
        missing = "promtool is neither in $PROMTOOL nor on PATH"
        return Verdict(Outcome.NOT_CHECKED, missing)
    start = time.monotonic()
    found = [*watch.problems(), *watch.tried(promtool)]
    if found:
        return Verdict(Outcome.FAILED, f"{len(found)} problems", tuple(found))
    seconds = time.monotonic() - start
    boards = len(watch.dashboards)
    done = f"{watch.alerts} alerts, tested; {boards} dashboards, {seconds:.0f} s"
    return Verdict(Outcome.CLEAN, done)
