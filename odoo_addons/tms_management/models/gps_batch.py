"""The batches that the GPS service sends: their form, and positions row by row."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from .fleet_vehicle import normalise_truck_number
from .gps_signature import CallRefused

MAX_ROWS = 500
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


def parse_batch(body: bytes, content: str = "positions") -> list[Any]:
    """Return the unchecked rows of a batch of ``content``.

    :raises CallRefused: ``invalid_body`` or ``too_many_positions`` and the like
    """
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid_body("The body is not JSON.") from None
    if not isinstance(batch, dict) or not isinstance(batch.get(content), list):
        raise _invalid_body(
            f'The body must be an object with "batch_id" and a list "{content}".'
        )
    try:
        UUID(batch["batch_id"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _invalid_body('"batch_id" must be a UUID.') from None
    if len(batch[content]) > MAX_ROWS:
        raise too_many(content)
    return list(batch[content])


def parse_position(row: Any, now: datetime) -> Position:
    """Check one row of a batch.

    :param now: the current time, naive UTC
    :raises InvalidRow: with the field and the reason
    """
    if not isinstance(row, dict):
        raise InvalidRow("position: must be an object")
    fix_time = read_time(row, "fix_time")
    if fix_time - now > MAX_FIX_AHEAD:
        raise InvalidRow("fix_time: lies more than 24 hours ahead")
    optional = {
        name: None if row.get(name) is None else read_number(row, name, *limits)
        for name, limits in _OPTIONAL_NUMBERS.items()
    }
    return Position(
        vehicle_identifier=read_identifier(row),
        fix_time=fix_time,
        received_at=read_time(row, "received_at"),
        latitude=read_number(row, "latitude", -90, 90),
        longitude=read_number(row, "longitude", -180, 180),
        **optional,
    )


def identifier_of(row: Any) -> str | None:
    """Return what ``row`` names as its vehicle, to repeat it in the answer."""
    identifier = row.get("vehicle_identifier") if isinstance(row, dict) else None
    return identifier[:64] if isinstance(identifier, str) else None


def too_many(content: str) -> CallRefused:
    """Return the refusal of a batch that is too long or too large."""
    return CallRefused(
        413,
        f"too_many_{content}",
        f"A call may carry {MAX_ROWS} {content} and {MAX_BODY_BYTES} bytes. "
        "Send smaller batches.",
    )


def _invalid_body(message: str) -> CallRefused:
    return CallRefused(400, "invalid_body", f"{message} See docs/interfaces.md.")


def read_identifier(row: dict[str, Any]) -> str:
    """Return the truck number of a row.

    :raises InvalidRow: where there is none
    """
    identifier = row.get("vehicle_identifier")
    if not isinstance(identifier, str) or not normalise_truck_number(identifier):
        raise InvalidRow("vehicle_identifier: must be a truck number")
    return str(normalise_truck_number(identifier))


def read_time(row: dict[str, Any], name: str) -> datetime:
    """Return a time of a row, naive UTC.

    :raises InvalidRow: where it is none, or has no zone
    """
    try:
        text: Any = row.get(name)
        value = datetime.fromisoformat(text)
        if value.tzinfo is None:
            raise ValueError(name)
        return value.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRow(f"{name}: must be an ISO 8601 time with its zone") from None


def read_number(row: dict[str, Any], name: str, lowest: float, highest: float) -> float:
    """Return a number of a row.

    :raises InvalidRow: where it is none, or lies outside
    """
    value = row.get(name)
    # A bool is an int to Python. NaN and infinity, which its JSON reader lets through,
    # lie in no range.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRow(f"{name}: must be a number")
    if not lowest <= value <= highest:
        raise InvalidRow(f"{name}: must lie between {lowest} and {highest}")
    return float(value)
