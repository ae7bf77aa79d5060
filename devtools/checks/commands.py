"""The commands ``test``, ``lint``, ``audit`` and ``lock``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devtools.checks.catalogue import SETUP, Catalogue
from devtools.checks.check import PASSED, Check, Kind, Outcome
from devtools.checks.lock import compile_locks
from devtools.checks.machine import versions
from devtools.checks.runner import Runner, exit_status
from devtools.checks.summary import Printer, closing_lines
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.preflight import check_machine
from devtools.provision import provision
from devtools.venvs import ensure_venv

AddCommand = Callable[..., argparse.ArgumentParser]
SUMMARY = "summary.txt"
TOOL_VENVS = ("odoo", "gps", "integration", "delivery")


def add_commands(add: AddCommand) -> None:
    """Add them to the command line.

    :param add: takes name, action and help of a command.
    """
    for name, kinds, about in (
        ("test", tuple(Kind), "run every check and every test"),
        ("lint", (Kind.LINT,), "run the static checks"),
        ("audit", (Kind.AUDIT,), "audit the locked dependencies (ADVISORIES=DIR)"),
    ):
        command = add(name, _action(kinds), about)
        command.add_argument(
            "--only",
            default="",
            metavar="WORDS",
            help="only checks of these components, or with these words in their names",
        )
    lock = add("lock", _lock, "compile every requirements file anew")
    lock.add_argument(
        "--upgrade", action="store_true", help="take the newest versions permitted"
    )


def _action(kinds: Sequence[Kind]) -> Callable[[Layout, argparse.Namespace], int]:
    def action(layout: Layout, options: argparse.Namespace) -> int:
        return run_checks(layout, kinds, options.only)

    return action


def run_checks(layout: Layout, kinds: Sequence[Kind], only: str = "") -> int:
    """Run the checks of these kinds and print what comes out.

    :param only: comma-separated words, empty for all.
    :returns: the exit status.
    :raises DevtoolsError: when no check is meant by the words.
    """
    start = time.monotonic()
    reports = layout.root / "reports"
    catalogue = Catalogue(layout, reports)
    of_kinds = [check for check in catalogue.checks() if check.kind in kinds]
    chosen = select(of_kinds, only)
    if any(SETUP in check.needs for check in chosen):
        chosen.insert(0, _setup(layout, with_odoo=Kind.TEST in kinds))
    width = max(len(check.name) for check in chosen)
    printer = Printer(sys.stdout, len(chosen), width)
    try:
        results = Runner(chosen, reports, printer.show).run()
    finally:
        catalogue.close()
    printer.lines(["", "ran on", *versions(layout)])
    printer.lines([f"  took        {time.monotonic() - start:.0f} s", ""])
    closing = list(closing_lines(results))
    printer.lines(closing)
    (reports / SUMMARY).write_text(f"{closing[-1]}\n", encoding="utf-8")
    return exit_status(results)


def select(checks: Sequence[Check], only: str) -> list[Check]:
    """Checks that the words mean, with those that they need."""
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    if not words:
        return list(checks)
    wanted = {
        check.name
        for check in checks
        if any(word == check.component or word in check.name.lower() for word in words)
    }
    if not wanted:
        components = sorted({check.component for check in checks})
        raise DevtoolsError(
            f"no check is called {only}", f"try {', '.join(components)}"
        )
    by_name = {check.name: check for check in checks}
    pending = list(wanted)
    while pending:
        for need in by_name[pending.pop()].needs:
            if need in by_name and need not in wanted:
                wanted.add(need)
                pending.append(need)
    return [check for check in checks if check.name in wanted]


def _setup(layout: Layout, with_odoo: bool) -> Check:
    def everything(log: Path) -> Outcome:
        provision(layout, with_tests=True)
        return PASSED

    def tools(log: Path) -> Outcome:
        with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
            check_machine(layout, True, print)
            for name in TOOL_VENVS:
                ensure_venv(layout, name, print)
        return PASSED

    return Check(SETUP, SETUP, Kind.SETUP, everything if with_odoo else tools)


def _lock(layout: Layout, options: argparse.Namespace) -> int:
    with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
        ensure_venv(layout, "delivery", print)
    compile_locks(layout, upgrade=options.upgrade)
    return 0
