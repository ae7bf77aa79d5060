"""The batch of positions that the GPS service sends: its form, row by row."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from .fleet_vehicle import normalise_truck_number
from .gps_signature import CallRefused

MAX_POSITIONS = 500
MAX_BODY_BYTES = 1024 * 1024

#: A fix from further ahead would hold back every later one of its vehicle.
MAX_FIX_AHEAD = timedelta(hours=24)

#: Field of the row: lowest and highest value. Null means unknown. No narrower than what
#: the GPS service accepts: a fix that it acknowledged must not be refused here.
_OPTIONAL_NUMBERS = {
    "speed_kmh": (0, 3600),
    "course": (0, 360),
    "accuracy_m": (0, 10_000_000),
    "altitude_m": (-12_000, 100_000),
}


class InvalidRow(ValueError):
    """One row of a batch cannot be stored; the text names the field and the reason."""


@dataclass(frozen=True)
class Position:
    """A fix: degrees WGS 84, km/h, degrees clockwise from north, metres, naive UTC."""

    vehicle_identifier: str
    fix_time: datetime
    received_at: datetime
    latitude: float
    longitude: float
    speed_kmh: float | None
    course: float | None
    accuracy_m: float | None
    altitude_m: float | None


def parse_batch(body: bytes) -> list:
    """Return the unchecked rows of a batch.

    :raises CallRefused: ``invalid_body`` or ``too_many_positions``
    """
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid_body("The body is not JSON.") from None
    if not isinstance(batch, dict) or not isinstance(batch.get("positions"), list):
        raise _invalid_body(
            'The body must be an object with "batch_id" and a list "positions".'
        )
    try:
        UUID(batch["batch_id"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _invalid_body('"batch_id" must be a UUID.') from None
    if len(batch["positions"]) > MAX_POSITIONS:
        raise too_many_positions()
    return batch["positions"]


def parse_position(row, now: datetime) -> Position:
    """Check one row of a batch.

    :param now: the current time, naive UTC
    :raises InvalidRow: with the field and the reason
    """
    if not isinstance(row, dict):
        raise InvalidRow("position: must be an object")
    fix_time = _time(row, "fix_time")
    if fix_time - now > MAX_FIX_AHEAD:
        raise InvalidRow("fix_time: lies more than 24 hours ahead")
    optional = {
        name: None if row.get(name) is None else _number(row, name, *limits)
        for name, limits in _OPTIONAL_NUMBERS.items()
    }
    return Position(
        vehicle_identifier=_identifier(row),
        fix_time=fix_time,
        received_at=_time(row, "received_at"),
        latitude=_number(row, "latitude", -90, 90),
        longitude=_number(row, "longitude", -180, 180),
        **optional,
    )


def identifier_of(row):
    """Return what ``row`` names as its vehicle, to repeat it in the answer."""
    identifier = row.get("vehicle_identifier") if isinstance(row, dict) else None
    return identifier[:64] if isinstance(identifier, str) else None


def too_many_positions() -> CallRefused:
    """Return the refusal of a batch that is too long or too large."""
    return CallRefused(
        413,
        "too_many_positions",
        f"A call may carry {MAX_POSITIONS} positions and {MAX_BODY_BYTES} bytes. "
        "Send smaller batches.",
    )


def _invalid_body(message: str) -> CallRefused:
    return CallRefused(400, "invalid_body", f"{message} See docs/interfaces.md.")


def _identifier(row: dict) -> str:
    identifier = row.get("vehicle_identifier")
    if not isinstance(identifier, str) or not normalise_truck_number(identifier):
        raise InvalidRow("vehicle_identifier: must be a truck number")
    return normalise_truck_number(identifier)


def _time(row: dict, name: str) -> datetime:
    try:
        value = datetime.fromisoformat(row.get(name))
        if value.tzinfo is None:
            raise ValueError(name)
        return value.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRow(f"{name}: must be an ISO 8601 time with its zone") from None


def _number(row: dict, name: str, lowest: float, highest: float) -> float:
    value = row.get(name)
    # A bool is an int to Python. NaN and infinity, which its JSON reader lets through,
    # lie in no range.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRow(f"{name}: must be a number")
    if not lowest <= value <= highest:
        raise InvalidRow(f"{name}: must lie between {lowest} and {highest}")
    return float(value)
