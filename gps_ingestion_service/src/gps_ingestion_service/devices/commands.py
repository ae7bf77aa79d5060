"""``devices list | import``: the provisioning API at a shell."""

import argparse
import csv
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import httpx

from gps_ingestion_service.admin_client import CallFailed, add_command, call

_PATH = "/v1/devices"
# Columns, and what Traccar calls them: in its API, and on its pages.
_DEVICE_ID = ("device_id", "uniqueid", "identifier")
_VEHICLE = ("vehicle_identifier", "name")
_TRUTHS = {"true": True, "1": True, "yes": True}
_TRUTHS |= {"false": False, "0": False, "no": False}
_COLUMNS = """
columns, in any order; others are left alone:
  device_id           IMEI, or the identifier that an app shows
                      (Traccar: uniqueId, Identifier)
  vehicle_identifier  truck number; of it count capital letters and digits
                      (Traccar: name)
  enabled             true or false, else true (Traccar: disabled, the other way round)
  only_on_trip        true or false, else false
  utc_offset_minutes  of the device's clock, where its format has times without a zone
  version             else 1, for what is new, and one more than before with --replace

Comma or semicolon, UTF-8; or a JSON array of objects with these keys, as Traccar's
GET /api/devices answers. A JSON line for each row: created, changed, unchanged, or
refused with the reason; 1 if any was refused. The same file again changes nothing.
"""


class _RowRefused(Exception):
    """A row cannot be used; the message says why."""


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    actions = add_command(commands, "devices", "list devices, or import many")
    listing = actions.add_parser("list", help="a JSON line per device")
    listing.set_defaults(act=_list)
    importing = actions.add_parser(
        "import",
        help="provision the devices of a CSV or JSON file, as Traccar has it",
        epilog=_COLUMNS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    importing.add_argument("file", type=Path, help="- for standard input")
    importing.add_argument(
        "--replace",
        action="store_true",
        help="change devices that are stored with other content; else refused",
    )
    importing.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="issue a token to each device without one, into this new file",
    )
    importing.set_defaults(act=_import)


def _devices(client: httpx.Client) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = call(client, "GET", _PATH, limit=1000, cursor=cursor)
        yield from page["devices"]
        cursor = page["next"]


def _list(client: httpx.Client, _options: argparse.Namespace) -> int:
    for device in _devices(client):
        print(json.dumps(device))
    return 0


def _import(client: httpx.Client, options: argparse.Namespace) -> int:
    try:
        text = _read(options.file)
        tokens = None if options.tokens is None else _open_private(options.tokens)
    except (OSError, UnicodeDecodeError) as error:
        raise CallFailed(f"the file cannot be used: {error}") from None
    known = {device["device_id"]: device for device in _devices(client)}
    status = 0
    for number, row in enumerate(_rows(text), start=1):
        verdict: dict[str, Any] = {"row": number}
        try:
            verdict |= _provision(client, known, row, replace=options.replace)
            if tokens is not None:
                _issue_token(client, known[verdict["device_id"]], tokens)
        except (_RowRefused, CallFailed) as error:
            verdict |= {"status": "refused", "reason": str(error)}
            status = 1
        print(json.dumps(verdict))
    if tokens is not None:
        tokens.close()
    return status


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    return file.read_text(encoding="utf-8-sig")


def _open_private(file: Path) -> TextIO:
    """A new file that its owner alone may read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return open(descriptor, "w", encoding="utf-8")


def _rows(text: str) -> Iterable[Mapping[str, Any]]:
    """The rows by lower-case column names.

    Raises:
        CallFailed: nothing in it can be read.
    """
    rows: Iterable[Mapping[str, Any]]
    if text.lstrip().startswith("["):
        try:
            rows = [dict(row) for row in json.loads(text)]
        except (ValueError, TypeError) as error:
            raise CallFailed(f"the file is no JSON array of objects: {error}") from None
    else:
        head = text.partition("\n")[0]
        delimiter = ";" if head.count(";") > head.count(",") else ","
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    return ({str(key).strip().lower(): row[key] for key in row} for row in rows)


def _value(row: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = row.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    raise _RowRefused(f"there is no {' nor '.join(names)}")


def _truth(row: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = str(row.get(name, "")).strip().lower()
    if value and value not in _TRUTHS:
        raise _RowRefused(f"{name}: say true or false")
    return _TRUTHS[value] if value else default


def _number(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    if value is None or not str(value).strip():
        return None
    try:
        return int(str(value))
    except ValueError:
        raise _RowRefused(f"{name}: say a whole number") from None


def _spec(row: Mapping[str, Any]) -> dict[str, Any]:
    enabled = "disabled" not in row or not _truth(row, "disabled", default=False)
    return {
        "vehicle_identifier": re.sub("[^A-Z0-9]", "", _value(row, _VEHICLE).upper()),
        "enabled": _truth(row, "enabled", default=enabled),
        "only_on_trip": _truth(row, "only_on_trip", default=False),
    }


def _provision(
    client: httpx.Client,
    known: dict[str, dict[str, Any]],
    row: Mapping[str, Any],
    *,
    replace: bool,
) -> dict[str, Any]:
    """Make a device be as its row says; the verdict."""
    device_id = _value(row, _DEVICE_ID)
    spec, version = _spec(row), _number(row, "version")
    offset = _number(row, "utc_offset_minutes")
    stored = known.get(device_id)
    path = f"{_PATH}/{quote(device_id, safe='')}"
    status = "unchanged"
    if stored is None or any(stored[key] != spec[key] for key in spec):
        if stored is not None and version is None and not replace:
            raise _RowRefused(
                f"{device_id} is stored with other content; --replace changes it"
            )
        if version is None:
            version = 1 if stored is None else stored["version"] + 1
        known[device_id] = call(client, "PUT", path, {**spec, "version": version})
        status = "created" if stored is None else "changed"
    if offset is not None and known[device_id]["utc_offset_minutes"] != offset:
        clock = {"utc_offset_minutes": offset}
        known[device_id] = call(client, "PUT", f"{path}/clock", clock)
        status = "created" if status == "created" else "changed"
    verdict = {"device_id": device_id, "status": status}
    attributes = row.get("attributes")
    if offset is None and isinstance(attributes, dict):
        if zone := attributes.get("decoder.timezone"):
            verdict["note"] = f"its clock runs in {zone}: set utc_offset_minutes"
    return verdict


def _issue_token(client: httpx.Client, device: dict[str, Any], tokens: TextIO) -> None:
    if not device["has_token"]:
        device_id = device["device_id"]
        issued = call(client, "POST", f"{_PATH}/{device_id}/token")
        print(device_id, issued["token"], sep=",", file=tokens, flush=True)
        device["has_token"] = True
