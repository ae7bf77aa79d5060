"""Command line: ``python3 -m devtools COMMAND``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from devtools import pipeline_commands, run_commands
from devtools.addon_tests import run_addon_tests
from devtools.assets import ensure_assets
from devtools.bench.command import add_options, bench
from devtools.checks.commands import add_commands
from devtools.commands import running
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive
from devtools.odoo_source import VARIABLE, ensure_odoo
from devtools.odoo_tree import inspect_tree
from devtools.provision import provision
from devtools.recovery.drill import recovery_drill
from devtools.steps import Progress
from devtools.venvs import ensure_venv

Command = Callable[[Layout, argparse.Namespace], int]


def _setup(layout: Layout, options: argparse.Namespace) -> int:
    start = time.monotonic()
    provision(layout, with_tests=True)
    print(f"set up in {time.monotonic() - start:.1f} s")
    return 0


def _assets(layout: Layout, options: argparse.Namespace) -> int:
    made = ensure_assets(layout, Progress(sys.stdout).line)
    print("front-end files installed" if made else "front-end files are up to date")
    return 0


def _odoo_home(layout: Layout, options: argparse.Namespace) -> int:
    print(ensure_odoo(layout, Progress(sys.stderr).line).root)
    return 0


def _test_18(layout: Layout, options: argparse.Namespace) -> int:
    home = os.environ.get(VARIABLE)
    if not home:
        raise DevtoolsError(
            "no Odoo 18.0 given", f"make test-18 {VARIABLE}=/path/to/odoo-18.0"
        )
    tree = inspect_tree(Path(home), f"{VARIABLE}={home}")
    if tree.series != "18.0":
        raise DevtoolsError(f"{home} is Odoo {tree.series}, not 18.0")
    provision(layout, with_tests=True)
    result = run_addon_tests(layout, tree)
    print(result.summary())
    return 0 if result.passed else 1


def _recovery_drill(layout: Layout, options: argparse.Namespace) -> int:
    with exclusive(layout.cache / "setup.lock", "sets this checkout up"):
        ensure_venv(layout, "gps", print)
    findings = recovery_drill(layout, print, options.archive_timeout)
    print("recovery drill passed" if findings.passed else "recovery drill FAILED")
    return 0 if findings.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="devtools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, action: Command, about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(action=action)
        return command

    add("setup", _setup, "set the checkout up: virtualenvs, Odoo, database template")
    add("assets", _assets, "install the addon's front-end files from npm")
    add("odoo-home", _odoo_home, "get Odoo if need be, print the folder it is in")
    add("test-18", _test_18, f"run the addon's tests on the Odoo 18.0 in {VARIABLE}")
    run = add("run", run_commands.run, "start everything and stay until Ctrl-C")
    run.add_argument("--no-simulator", action="store_true", help="no moving fleet")
    run.add_argument(
        "--detach", action="store_true", help="come back once everything works"
    )
    for inherited in ("--ready-fd", "--lock-fd"):
        run.add_argument(inherited, type=int, help=argparse.SUPPRESS)
    add("stop", run_commands.stop, "end everything that `run` started")
    add("status", run_commands.status, "show what runs, where, and the logins")
    add_commands(add)
    for name, action, about in (
        ("pipeline", pipeline_commands.pipeline, "run the delivery pipelines here"),
        ("pipeline-rollback", pipeline_commands.rollback, "roll production back here"),
    ):
        command = add(name, action, about)
        command.add_argument(
            "words",
            nargs=argparse.REMAINDER,
            metavar="COMPONENT ...",
            help="gps, odoo or both, then options of `python -m delivery runner`",
        )
    for name, action, about in (
        ("pipeline-test", pipeline_commands.test, "make every gate fail here"),
        ("platform-test", pipeline_commands.platform_test, "test the local platform"),
    ):
        suite = add(name, action, about)
        suite.add_argument("--only", default="", metavar="CASES", help="as pytest -k")
    add("pipeline-down", pipeline_commands.down, "take the local platform down")
    add_options(add("bench", bench, "measure what a fix costs"))
    drill = add("recovery-drill", _recovery_drill, "lose a database and restore it")
    drill.add_argument(
        "--archive-timeout",
        type=int,
        default=5,
        metavar="S",
        help="seconds after which log is archived (default: %(default)s; RDS: 300)",
    )
    add("reset", run_commands.reset, "stop, and delete the instance with its data")
    return parser


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run one command; answers the exit status."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return int(options.action(Layout.discover(), options))
    except DevtoolsError as error:
        for line in error.details:
            print(f"    {line}", file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        running.end_all()
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more may be written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
