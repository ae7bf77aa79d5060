"""Command line: ``python -m simulator drive | load | track``."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from simulator.drive import DriveOptions, drive
from simulator.fleet import FleetError, load_fleet
from simulator.frames import FRAME_FORMATS
from simulator.load import LoadError, LoadOptions, load
from simulator.report import Reporter
from simulator.scene import Scene
from simulator.track import as_geojson, as_ndjson, find_vehicle, planned


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 on success, 1 when a load met errors, 2 for input that cannot be used.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except (FleetError, LoadError) as error:
        print(f"simulator: {error}", file=sys.stderr)
    except OSError as error:
        print(f"simulator: {error.filename}: {error.strerror}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A fleet that drives real road geometry and speaks real tracker "
        "formats.",
    )
    commands = parser.add_subparsers(required=True, metavar="drive|load|track")
    _add_drive(commands.add_parser("drive", help="drive a fleet and send its fixes"))
    _add_load(commands.add_parser("load", help="put a bounded load on the service"))
    _add_track(commands.add_parser("track", help="print a planned track"))
    return parser


def _add_fleet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fleet", type=Path, required=True, metavar="FILE", help="fleet file, JSON"
    )
    parser.add_argument("--seed", type=int, default=7, help="default 7")
    parser.add_argument(
        "--speedup",
        type=_positive,
        default=1.0,
        metavar="N",
        help="trucks live N times faster; time stamps keep to the wall clock",
    )
    parser.add_argument(
        "--interval",
        type=_whole,
        default=10,
        metavar="S",
        help="seconds between two fixes of a truck in use, default 10",
    )


def _add_drive(parser: argparse.ArgumentParser) -> None:
    _add_fleet(parser)
    parser.add_argument("--url", type=_url, required=True, help="the service's base")
    parser.add_argument(
        "--duration", type=_positive, metavar="S", help="default: until stopped"
    )
    parser.add_argument(
        "--backfill",
        type=_whole,
        default=0,
        metavar="S",
        help="begin S seconds in the past, as if coverage had been lost until now",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="append one JSON line per acknowledged fix",
    )
    parser.add_argument(
        "--connections", type=_whole, default=64, metavar="N", help="default 64"
    )
    for name in FRAME_FORMATS:
        parser.add_argument(
            f"--{name}-port",
            type=_port,
            metavar="PORT",
            help=f"where the service listens for {name}, on the host of --url",
        )
    parser.add_argument("--status-interval", type=_positive, default=30.0, metavar="S")
    parser.set_defaults(run=_drive)


def _add_load(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", type=_url, required=True, help="the service's base")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with the ingest token; else GPS_INGEST_TOKEN",
    )
    parser.add_argument("--vehicles", type=_whole, default=1_000, metavar="N")
    parser.add_argument("--interval", type=_whole, default=10, metavar="S")
    parser.add_argument("--duration", type=_positive, default=60.0, metavar="S")
    parser.add_argument("--batch", type=_whole, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--device-prefix",
        default="LOAD",
        help="devices are PREFIX-000000 and so on; they must be registered",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="without it a load goes to this machine only",
    )
    parser.set_defaults(run=_load)


def _add_track(parser: argparse.ArgumentParser) -> None:
    _add_fleet(parser)
    parser.add_argument("--vehicle", required=True, help="truck number or device id")
    parser.add_argument("--format", choices=("geojson", "ndjson"), default="geojson")
    parser.add_argument("--duration", type=_positive, default=3_600.0, metavar="S")
    parser.add_argument(
        "--start",
        type=_moment,
        default=datetime(2026, 1, 1, tzinfo=UTC),
        metavar="TIME",
        help="ISO 8601, default 2026-01-01T00:00:00Z",
    )
    parser.set_defaults(run=_track)


def _drive(options: argparse.Namespace) -> int:
    vehicles = load_fleet(options.fleet)
    duration = options.duration
    drive_options = DriveOptions(
        vehicles=vehicles,
        url=options.url,
        start=math.ceil(time.time()) - options.backfill,
        seed=options.seed,
        speedup=options.speedup,
        interval_s=options.interval,
        duration_s=None if duration is None else duration + options.backfill,
        ledger=options.ledger,
        connections=options.connections,
        tracker_ports={
            name: port
            for name in FRAME_FORMATS
            if (port := getattr(options, f"{name}_port")) is not None
        },
        status_interval_s=options.status_interval,
    )
    asyncio.run(drive(drive_options, Reporter()))
    return 0


def _load(options: argparse.Namespace) -> int:
    if not options.allow_remote and not _is_loopback(options.url):
        raise LoadError(
            f"{options.url} is not on this machine; --allow-remote sends a load there"
        )
    result = asyncio.run(
        load(
            LoadOptions(
                url=options.url,
                token=_ingest_token(options.token_file),
                vehicles=options.vehicles,
                interval_s=options.interval,
                duration_s=options.duration,
                batch=options.batch,
                seed=options.seed,
                device_prefix=options.device_prefix,
            )
        )
    )
    print(json.dumps(result.as_dict()))
    return 1 if result.errors or result.rejected else 0


def _track(options: argparse.Namespace) -> int:
    vehicles = load_fleet(options.fleet)
    vehicle = find_vehicle(vehicles, options.vehicle)
    scene = Scene(vehicles, options.seed)
    recorded = planned(
        scene,
        vehicle,
        start=int(options.start.timestamp()),
        duration_s=options.duration,
        interval_s=options.interval,
        speedup=options.speedup,
    )
    lines = (
        as_geojson(scene, vehicle, recorded)
        if options.format == "geojson"
        else as_ndjson(recorded)
    )
    for line in lines:
        print(line)
    return 0


def _ingest_token(path: Path | None) -> str:
    token = (
        path.read_text(encoding="utf-8")
        if path is not None
        else os.environ.get("GPS_INGEST_TOKEN", "")
    ).strip()
    if not token:
        raise LoadError("no ingest token: give --token-file or set GPS_INGEST_TOKEN")
    return token


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address such as http://127.0.0.1:8070"
        )
    return text.rstrip("/")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _port(text: str) -> int:
    port = _whole(text)
    if port > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return port


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not ISO 8601 time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
