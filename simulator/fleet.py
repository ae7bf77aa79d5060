"""The fleet file: which vehicles exist, how their trackers speak, where they go."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from simulator.geo import Place

WireFormat = Literal["native", "osmand", "traccar-json", "teltonika", "gt06"]

WIRE_FORMATS: tuple[WireFormat, ...] = get_args(WireFormat)

WITHOUT_TOKEN: tuple[WireFormat, ...] = ("teltonika", "gt06")
"""Formats whose devices are known by their IMEI alone."""

STATES = (
    "planned",
    "assigned",
    "in_transit",
    "on_hold",
    "delivered",
    "completed",
    "invoiced",
    "paid",
    "cancelled",
)
"""States of a trip, as the transport management system names them."""

DEVICE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
IMEI = re.compile(r"[0-9]{15}")
VEHICLE_IDENTIFIER = re.compile(r"[A-Z0-9]{1,32}")


class FleetError(ValueError):
    """The fleet file cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One end of a lane."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One truck with its tracker.

    ``token`` may be None where nothing is sent, or a format has none; ``source`` and
    ``destination`` are None without an open trip.
    """

    vehicle_identifier: str
    device_id: str
    token: str | None
    format: WireFormat
    state: str | None
    source: Stop | None
    destination: Stop | None


def load_fleet(path: Path) -> list[Vehicle]:
    """Read and check a fleet file.

    Raises:
        FleetError: naming the file, the vehicle's index, the field and the reason.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{path}: cannot be read: {error}") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FleetError(
            f"{path}: not JSON (line {error.lineno}, column {error.colno}): {error.msg}"
        ) from error
    try:
        return parse_fleet(document)
    except FleetError as error:
        raise FleetError(f"{path}: {error}") from error


def parse_fleet(document: object) -> list[Vehicle]:
    """Check a decoded fleet document.

    Raises:
        FleetError: naming the vehicle's index, the field and the reason.
    """
    rows = document.get("vehicles") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FleetError('expected {"vehicles": [...]} at the top')
    if not rows:
        raise FleetError("vehicles: the list is empty, nothing would move")
    vehicles = [_vehicle(index, row) for index, row in enumerate(rows)]
    seen: dict[str, int] = {}
    for index, vehicle in enumerate(vehicles):
        first = seen.setdefault(vehicle.device_id, index)
        if first != index:
            raise FleetError(
                f"vehicles[{index}].device_id: {vehicle.device_id!r} is already used "
                f"by vehicles[{first}]; a tracker belongs to one vehicle"
            )
    return vehicles


def _vehicle(index: int, row: object) -> Vehicle:
    where = f"vehicles[{index}]"
    if not isinstance(row, dict):
        raise FleetError(f"{where}: expected an object, got {type(row).__name__}")
    source = _stop(f"{where}.source", row.get("source"))
    destination = _stop(f"{where}.destination", row.get("destination"))
    state = row.get("state")
    if state is not None and state not in STATES:
        raise FleetError(f"{where}.state: {state!r} is none of {', '.join(STATES)}")
    wire_format = row.get("format", "native")
    if wire_format not in WIRE_FORMATS:
        raise FleetError(
            f"{where}.format: {wire_format!r} is none of {', '.join(WIRE_FORMATS)}"
        )
    token = row.get("token")
    if token is not None and (not isinstance(token, str) or not token.strip()):
        raise FleetError(f"{where}.token: expected the device token as text, or null")
    return Vehicle(
        vehicle_identifier=_text(where, row, "vehicle_identifier", VEHICLE_IDENTIFIER),
        device_id=_text(
            where, row, "device_id", IMEI if wire_format in WITHOUT_TOKEN else DEVICE_ID
        ),
        token=token,
        format=cast(WireFormat, wire_format),
        state=state,
        source=source,
        destination=destination,
    )


def _text(where: str, row: dict[str, Any], field: str, pattern: re.Pattern[str]) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise FleetError(
            f"{where}.{field}: expected text matching {pattern.pattern}, got {value!r}"
        )
    return value


def _stop(where: str, value: object) -> Stop | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise FleetError(f"{where}: expected an object or null")
    name = value.get("name")
    if not isinstance(name, str):
        raise FleetError(f"{where}.name: expected text, got {name!r}")
    place = Place(
        _degrees(f"{where}.latitude", value.get("latitude"), 85.0),
        _degrees(f"{where}.longitude", value.get("longitude"), 180.0),
    )
    # Odoo stores 0, 0 for an address that was never located.
    return Stop(name, place) if place != (0.0, 0.0) else None


def _degrees(where: str, value: object, limit: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FleetError(f"{where}: expected degrees as a number, got {value!r}")
    if not math.isfinite(value) or abs(value) > limit:
        raise FleetError(f"{where}: {value} is outside -{limit:g} to {limit:g} degrees")
    return float(value)
