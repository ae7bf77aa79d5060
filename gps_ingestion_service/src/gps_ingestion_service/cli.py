"""``serve``, ``migrate``, ``schema``, ``decode`` and calls to the admin API."""

import argparse
import asyncio
import resource
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import NoReturn

import msgspec
import structlog
from prometheus_client import disable_created_metrics

from gps_ingestion_service import schema, schema_state
from gps_ingestion_service.app import create_app
from gps_ingestion_service.clocks import commands as clocks
from gps_ingestion_service.connections.server import Server
from gps_ingestion_service.database import is_outage
from gps_ingestion_service.devices import commands as devices
from gps_ingestion_service.events import commands as events
from gps_ingestion_service.fix import Rejection, printable
from gps_ingestion_service.formats import DecodeError
from gps_ingestion_service.formats.capture import PROTOCOLS, rows_of
from gps_ingestion_service.observability import logging
from gps_ingestion_service.quarantine import commands as quarantine
from gps_ingestion_service.settings import (
    DatabaseSettings,
    Settings,
    SettingsError,
    load,
)

# Connections that are told to come again, those to PostgreSQL and Odoo, and the rest.
_FURTHER_FILES = 500

log = structlog.stdlib.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except SettingsError as error:
        print(f"gps_ingestion_service: {error}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gps_ingestion_service", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=_port, default=8070)
    serve.set_defaults(run=_serve)
    migrate = commands.add_parser("migrate", help="bring the schema up to date")
    migrate.set_defaults(run=_migrate)
    state = commands.add_parser("schema", help="compare the database with this program")
    state.add_argument(
        "--wait-s",
        type=float,
        default=0.0,
        help="wait that long for a schema that serves; then 1 is a failure",
    )
    state.set_defaults(run=_schema)
    decode = commands.add_parser(
        "decode", help="print the fixes of one message, a JSON object a line"
    )
    decode.add_argument("protocol", choices=PROTOCOLS)
    decode.add_argument(
        "message",
        help="the frame in hexadecimal, or a query or JSON; - to read it from stdin",
    )
    decode.add_argument(
        "--utc-offset-minutes",
        type=_minutes,
        metavar="N",
        help="of the device's clock, for times without a zone; else as its login says",
    )
    decode.set_defaults(run=_decode)
    devices.add_parser(commands)
    quarantine.add_parser(commands)
    events.add_parser(commands)
    clocks.add_parser(commands)
    return parser


def _minutes(text: str) -> int:
    minutes = int(text)
    if not -840 <= minutes <= 840:
        raise argparse.ArgumentTypeError("must be between -840 and 840")
    return minutes


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError("must be between 1 and 65535")
    return port


def _serve(options: argparse.Namespace) -> int:
    settings = load(Settings)
    logging.configure(settings.log_level)
    # Twice the series for a time that Prometheus does not use.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    _allow_many_connections(settings)
    # uvicorn passes the signal on once it has shut down; that is a clean end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    app = create_app(settings, options.host)
    server = Server(app, options.host, options.port, settings)
    server.run()
    return 0 if server.started else 1


def _allow_many_connections(settings: Settings) -> None:
    """Raise the limit of open files to what the system permits: one a connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = settings.http_max_connections + _FURTHER_FILES
    wanted += len(settings.ports) * settings.tracker_max_connections
    if hard < wanted:
        log.warning("too_few_open_files", permitted=hard, wanted=wanted)


def _exit(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _migrate(_options: argparse.Namespace) -> int:
    settings = load(DatabaseSettings)
    logging.configure("info")
    try:
        revision = asyncio.run(schema.migrate(settings))
    except Exception as error:
        if not is_outage(error.__cause__ or error):
            raise
        print(
            f"gps_ingestion_service: the database cannot be migrated: {error}; "
            "check GPS_DATABASE_URL and that PostgreSQL runs",
            file=sys.stderr,
        )
        return 1
    print(f"the schema is at revision {revision}")
    return 0


def _schema(options: argparse.Namespace) -> int:
    settings = load(DatabaseSettings)
    logging.configure("info")

    async def read() -> str | None:
        return await schema_state.read_revision(settings)

    waiting = schema_state.wait(read, options.wait_s) if options.wait_s else read()
    try:
        revision = asyncio.run(waiting)
    except Exception as error:
        if not is_outage(error):
            raise
        print(
            f"gps_ingestion_service: no usable schema: {error or 'not in time'}; "
            "check that PostgreSQL runs and that the migration has ended well",
            file=sys.stderr,
        )
        return 1
    print(schema_state.report(revision))
    return 0


def _decode(options: argparse.Namespace) -> int:
    try:
        text = sys.stdin.read() if options.message == "-" else options.message
    except UnicodeDecodeError:
        print(
            "refused: invalid_encoding: standard input is no text; give a frame in "
            "hexadecimal, as xxd -p does",
            file=sys.stderr,
        )
        return 1
    minutes = options.utc_offset_minutes
    offset = None if minutes is None else timedelta(minutes=minutes)
    status = 0
    try:
        for row in rows_of(options.protocol, text, datetime.now(UTC), offset):
            if isinstance(row, Rejection):
                print(f"refused: {row.code}: {row.reason}", file=sys.stderr)
                status = 1
            else:
                print(msgspec.json.encode(printable(row)).decode())
    except DecodeError as error:
        print(f"refused: {error.code}: {error.message}", file=sys.stderr)
        return 1
    return status
