"""`python -m delivery runner`: pipelines and rollbacks on this machine."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from delivery.errors import DeliveryError
from delivery.platform.cluster import source_root
from delivery.platform.layout import Layout, Network
from delivery.platform.local import LocalPlatform, require_root
from delivery.platform.steps import Steps
from delivery.runner.components import COMPONENTS, Component
from delivery.runner.events import MAIN
from delivery.runner.local_run import LocalRun, Settings
from delivery.runner.machine import Machine

INTERRUPTED = 130


def build_parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m delivery runner")
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    starter = environ.get("SUDO_USER") or environ.get("USER") or "local"
    shared.add_argument("--actor", default=starter, help="who starts the run")
    shared.add_argument(
        "--approve-as",
        default="",
        metavar="APPROVER",
        help="approve in this name, recorded as scripted; without it you are asked",
    )
    run = commands.add_parser("run", parents=[shared], help="run pipelines")
    run.add_argument("components", nargs="+", type=_component, metavar="COMPONENT")
    run.add_argument("--ref", default=MAIN, help="full ref (default: %(default)s)")
    run.add_argument("--event", default="", choices=["", "push", "workflow_dispatch"])
    run.add_argument(
        "--accept-unchecked",
        default="",
        metavar="GATES",
        help="gates that may end NOT CHECKED: dependencies,image",
    )
    run.add_argument(
        "--advisories",
        type=Path,
        default=environ.get("ADVISORIES") or None,
        help="folder of advisory records for the dependency audit ($ADVISORIES)",
    )
    run.add_argument("--odoo-home", type=Path, help="folder with an unpacked Odoo")
    back = commands.add_parser("rollback", parents=[shared], help="roll back")
    back.add_argument("component", type=_component, metavar="COMPONENT")
    back.add_argument(
        "--target",
        default="previous",
        help="previous, a digest, or a tag of an image that was in production",
    )
    return parser


def _component(word: str) -> Component:
    """The component of a short or whole name."""
    for component in COMPONENTS:
        if word in (component.key, component.name):
            return component
    names = " or ".join(f"{c.key} ({c.name})" for c in COMPONENTS)
    raise argparse.ArgumentTypeError(f"{word!r} is no component: {names}")


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run one command.

    :returns: the exit status: 0 every gate was green, 1 not, 130 interrupted.
    """
    options = build_parser(environ).parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        require_root()
        return 0 if _run(options, environ) else 1
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what the run had started is ended", file=sys.stderr)
        return INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> bool:
    repository = source_root().parents[1]
    platform = _bring_up(repository, environ)
    machine = Machine.of_checkout(repository, environ)
    local = LocalRun(repository, machine, platform, _settings(options))
    if options.command == "rollback":
        return local.rollback(options.component, options.target)
    # Each runs whatever became of the other.
    return all([local.pipeline(component) for component in options.components])


def _bring_up(repository: Path, environ: Mapping[str, str]) -> LocalPlatform:
    """The platform, up; its steps are shown only where there is something to do."""
    layout = Layout.of_checkout(repository, environ)
    network = Network.from_environment(environ)
    platform = LocalPlatform(layout, network, environ, Steps())
    if all(part.up for part in platform.status()):
        platform.steps.out = io.StringIO()
    platform.up()
    print(f"the local platform is up (looked at in {platform.steps.total_s:.0f} s)")
    return platform


def _settings(options: argparse.Namespace) -> Settings:
    names = ("ref", "event", "accept_unchecked", "advisories", "odoo_home")
    given = {name: getattr(options, name) for name in names if name in options}
    return Settings(options.actor, approve_as=options.approve_as, **given)
