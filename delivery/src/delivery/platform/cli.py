"""`python -m delivery platform`: up, down, status, env, url and more."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from delivery.platform.cluster import source_root
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.local import LocalPlatform
from delivery.platform.steps import Steps

#: Exit status of `status` when something is down.
NOT_UP = 3
INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m delivery platform")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring up what is not up")
    commands.add_parser("down", help="take everything down and prove it")
    commands.add_parser("status", help="what is up, and where")
    commands.add_parser("env", help="shell variables for the running platform")
    commands.add_parser("sync-secrets", help="copy Secrets Manager to the cluster")
    url = commands.add_parser("url", help="where this machine reaches a Service")
    url.add_argument("namespace")
    url.add_argument("service")
    url.add_argument("--port", help="a port's name, the first one if not given")
    odoo = commands.add_parser("odoo-image", help="make an image of an unpacked Odoo")
    odoo.add_argument("home", type=Path, help="folder that holds the package odoo")
    return parser


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run one command; a failure is one line on standard error and status 1."""
    options = build_parser().parse_args(argv)
    try:
        layout = Layout.of_checkout(source_root().parents[1], environ)
        network = Network.from_environment(environ)
        platform = LocalPlatform(layout, network, environ, Steps())
        return _run(options, platform)
    except PlatformError as error:
        print(f"platform {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: `up` goes on from here, `down` undoes", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace, platform: LocalPlatform) -> int:
    if options.command == "up":
        platform.up()
    elif options.command == "down":
        return _down(platform)
    elif options.command == "status":
        return _status(platform)
    elif options.command == "env":
        print(_environment(platform.layout, platform.environ), end="")
    elif options.command == "sync-secrets":
        platform.sync_secrets()
    elif options.command == "url":
        print(platform.service_url(options.namespace, options.service, options.port))
    elif options.command == "odoo-image":
        print(platform.odoo_image(options.home))
    return 0


def _down(platform: LocalPlatform) -> int:
    differences = platform.down()
    for difference in differences:
        print(f"NOT AS BEFORE  {difference}", file=sys.stderr)
    if differences:
        return 1
    print("the machine is as it was before")
    return 0


def _status(platform: LocalPlatform) -> int:
    parts = platform.status()
    for part in parts:
        print(f"{'up' if part.up else 'down':5} {part.name:10} {part.where}")
    return 0 if all(part.up for part in parts) else NOT_UP


def _environment(layout: Layout, environ: Mapping[str, str]) -> str:
    if not layout.environment.exists():
        raise PlatformError("nothing is up: run `python -m delivery platform up`")
    own = str(layout.programs)
    rest = environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join([own, *(folder for folder in rest if folder != own)])
    return layout.environment.read_text(encoding="utf-8") + (
        f"export PATH={shlex.quote(path)}\n"
    )
