"""Command line of ``python -m delivery``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from delivery.advisories.records import AdvisoryDatabase
from delivery.advisories.server import AdvisoryServer
from delivery.allow_list import read_allow_list
from delivery.dependencies import lock_check
from delivery.dependencies.gate import DEFAULT_MAX_AGE_DAYS, judge
from delivery.dependencies.lock import read_pins
from delivery.dependencies.python_support import unsupported
from delivery.dependencies.report import AuditReport, ReportError
from delivery.errors import DeliveryError
from delivery.verdict import Outcome, Verdict

USAGE_ERROR = 2
# Commands with a parser of their own. Each is imported when it is called: not every
# place that runs one command has installed what the others import.
PACKAGES = {
    "platform": (
        "delivery.platform.cli",
        "a container engine, registry and cluster",
    ),
    "runner": (
        "delivery.runner.cli",
        "pipelines and rollbacks on this machine",
    ),
    "manifests": (
        "delivery.manifests.cli",
        "check the Kubernetes manifests",
    ),
    "infrastructure": (
        "delivery.infrastructure.cli",
        "check the Terraform code, offline",
    ),
    "capacity": (
        "delivery.capacity.cli",
        "what fleets of several sizes need",
    ),
    "watch": (
        "delivery.watch.cli",
        "check alerting rules and dashboards, or write the dashboards",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    :returns: the exit status: 0 clean, 1 failed, 2 wrong input, 3 NOT CHECKED.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in PACKAGES:
            status: int = import_module(PACKAGES[words[0]][0]).main(words[1:])
        else:
            options = _parser().parse_args(words)
            status = options.run(options)
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    return status


def _dependency_gate(options: argparse.Namespace) -> int:
    pins = read_pins(options.requirements)
    today = datetime.now(UTC).date()
    listed = options.allow_list
    allowances = read_allow_list(listed, "package", today) if listed else ()
    advisories = options.advisories
    newest = AdvisoryDatabase.open(advisories).newest if advisories else None
    try:
        report = AuditReport.read(options.report)
    except ReportError as error:
        verdict = Verdict(Outcome.NOT_CHECKED, str(error))
    else:
        verdict = judge(
            report,
            pins,
            allowances,
            today=today,
            newest_advisory=newest,
            other_lock=options.other_lock,
            max_age_days=options.max_age_days,
        )
    print(verdict.render("dependency audit"))
    return verdict.outcome.value


def _advisories_serve(options: argparse.Namespace) -> int:
    database = AdvisoryDatabase.open(options.source)
    with AdvisoryServer(database, options.port) as server:
        print(
            f"{database.size} advisories up to {database.newest}: {server.url}",
            flush=True,
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _lock_current(options: argparse.Namespace) -> int:
    found = [line for source in options.sources for line in lock_check.problems(source)]
    print("\n".join(found) or f"{len(options.sources)} locks match their sources")
    return 1 if found else 0


def _python_support(options: argparse.Namespace) -> int:
    found = unsupported(options.virtualenvs, options.python)
    print("\n".join(found) or f"every package runs on Python {options.python}")
    return 1 if found else 0


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_dependency_gate(commands)
    _add_advisories(commands)
    _add_locks(commands)
    # For the help alone; `main` hands their words on before they are parsed.
    for name, (_module, about) in PACKAGES.items():
        commands.add_parser(name, help=about)
    return parser


def _add_dependency_gate(commands: Commands) -> None:
    gate = commands.add_parser(
        "dependency-gate",
        help="judge a report of pip-audit: 0 clean, 1 failed, 3 NOT CHECKED",
    )
    gate.add_argument("--report", type=Path, required=True, help="pip-audit's JSON")
    gate.add_argument("--requirements", type=Path, required=True, help="audited lock")
    gate.add_argument("--allow-list", type=Path, help="accepted advisories, TOML")
    gate.add_argument(
        "--other-lock",
        action="store_true",
        help="the list is that of another version: an entry may match nothing",
    )
    gate.add_argument(
        "--advisories",
        type=Path,
        default=os.environ.get("ADVISORIES") or None,
        help="records the audit was made with; empty: a live service ($ADVISORIES)",
    )
    gate.add_argument(
        "--max-age-days",
        type=int,
        default=DEFAULT_MAX_AGE_DAYS,
        help="age from which such records are old (default: %(default)s)",
    )
    gate.set_defaults(run=_dependency_gate)


def _add_advisories(commands: Commands) -> None:
    advisories = commands.add_parser("advisories", help="advisory records in a folder")
    actions = advisories.add_subparsers(required=True, metavar="ACTION")
    serve = actions.add_parser("serve", help="answer OSV queries on 127.0.0.1")
    serve.add_argument("source", type=Path, help="folder or tar archive of records")
    serve.add_argument("--port", type=int, default=0, help="default: any free port")
    serve.set_defaults(run=_advisories_serve)


def _add_locks(commands: Commands) -> None:
    lock = commands.add_parser(
        "lock-current", help="check .txt locks against .in files"
    )
    lock.add_argument("sources", type=Path, nargs="+", metavar="FILE.in")
    lock.set_defaults(run=_lock_current)
    support = commands.add_parser(
        "python-support", help="find packages that refuse an older Python"
    )
    support.add_argument("virtualenvs", type=Path, nargs="+", metavar="VIRTUALENV")
    support.add_argument("--python", required=True, help="full version, e.g. 3.11.2")
    support.set_defaults(run=_python_support)
