"""The commands ``test``, ``lint``, ``audit``, ``soak`` and ``lock``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from devtools.checks.audit import NOT_CHECKED_STATUS
from devtools.checks.catalogue import Catalogue
from devtools.checks.check import Check, Kind, Status
from devtools.checks.gates import MANIFESTS, WATCH, ManifestsCheck, WatchCheck
from devtools.checks.infrastructure import NAME as INFRASTRUCTURE
from devtools.checks.infrastructure import InfrastructureCheck
from devtools.checks.lock import compile_locks
from devtools.checks.machine import versions
from devtools.checks.runner import Runner, exit_status
from devtools.checks.summary import Printer, closing_lines, counts
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.venvs import ensure_venv

AddCommand = Callable[..., argparse.ArgumentParser]
SUMMARY = "summary.txt"
# A soak takes an hour; everything else is looked at each time.
TESTED = tuple(kind for kind in Kind if kind is not Kind.SOAK)


def add_commands(add: AddCommand) -> None:
    """Add them to the command line.

    :param add: takes name, action and help of a command.
    """
    for name, kinds, about in (
        ("test", TESTED, "run every check and every test"),
        ("soak", (Kind.SOAK,), "run the fault tests in their long form"),
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
    infrastructure = add(
        "infra-check", _infra_check, "check manifests, watch and Terraform code"
    )
    infrastructure.add_argument(
        "--mutations", action="store_true", help="prove that each rule catches"
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
    chosen = select(catalogue.checks(), kinds, only)
    width = max(len(check.name) for check in chosen)
    printer = Printer(sys.stdout, len(chosen), width)
    try:
        results = Runner(chosen, reports, printer.show).run()
    finally:
        catalogue.close()
    printer.lines(["", "ran on", *versions(layout)])
    printer.lines([f"  took        {time.monotonic() - start:.0f} s", ""])
    printer.lines(list(closing_lines(results)))
    summary = "".join(f"{line}\n" for line in counts(results))
    (reports / SUMMARY).write_text(summary, encoding="utf-8")
    return exit_status(results)


def select(checks: Sequence[Check], kinds: Sequence[Kind], only: str) -> list[Check]:
    """Checks of these kinds that the words mean, with those that they need."""
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    of_kinds = [check for check in checks if check.kind in kinds]
    wanted = {check.name for check in of_kinds if not words or _is_meant(check, words)}
    if not wanted:
        components = sorted({check.component for check in of_kinds})
        raise DevtoolsError(
            f"no check is called {only}", f"try {', '.join(components)}"
        )
    by_name = {check.name: check for check in checks}
    pending = list(wanted)
    while pending:
        needs = set(by_name[pending.pop()].needs) - wanted
        wanted |= needs
        pending += needs
    return [check for check in checks if check.name in wanted]


def _is_meant(check: Check, words: Sequence[str]) -> bool:
    return any(word == check.component or word in check.name.lower() for word in words)


def _lock(layout: Layout, options: argparse.Namespace) -> int:
    with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
        ensure_venv(layout, "delivery", print)
    compile_locks(layout, upgrade=options.upgrade)
    return 0


def _infra_check(layout: Layout, options: argparse.Namespace) -> int:
    """The checks of the infrastructure alone; NOT CHECKED is no success here."""
    reports = layout.root / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
        ensure_venv(layout, "delivery", print)
    statuses = set()
    for name, action in (
        (MANIFESTS, ManifestsCheck(layout)),
        (WATCH, WatchCheck(layout, options.mutations)),
        (INFRASTRUCTURE, InfrastructureCheck(layout, options.mutations)),
    ):
        log = reports / f"infra-check-{name}.log"
        log.unlink(missing_ok=True)
        outcome = action(log)
        if log.is_file():
            print(log.read_text(encoding="utf-8", errors="replace"), end="")
        print(f"infra-check {name} {outcome.status.value} {outcome.note}".rstrip())
        statuses.add(outcome.status)
    if Status.FAILED in statuses:
        return 1
    return NOT_CHECKED_STATUS if Status.NOT_CHECKED in statuses else 0
