"""The batch of events that the GPS service sends, row by row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from .gps_batch import InvalidRow, read_identifier, read_number, read_time

KINDS = [
    ("stop", "Stop"),
    ("idling", "Idling"),
    ("speeding", "Speeding"),
    ("silence", "Silence"),
    ("ignition", "Ignition on"),
    ("geofence", "In a geofence"),
    ("trip", "Arrival expected"),
]
_KIND_CODES = frozenset(code for code, __ in KINDS)
_MAX_REVISION = 2**31 - 1
_MAX_SUBJECT = 200
_MAX_DETAIL = 500


@dataclass(frozen=True)
class Arrival:
    """When a truck will arrive (naive UTC), and how far it has come (0 to 100)."""

    expected_at: datetime
    remaining_km: float
    percent_done: float


@dataclass(frozen=True)
class Event:
    """What a truck did, as of a revision; degrees WGS 84, naive UTC.

    ``retracted`` says that late fixes showed it to be wrong, ``ended_at`` is None while
    it lasts, ``arrival`` is that of a trip.
    """

    uuid: str
    revision: int
    retracted: bool
    kind: str
    subject: str
    vehicle_identifier: str
    device_id: str
    started_at: datetime
    ended_at: datetime | None
    latitude: float
    longitude: float
    detail: str
    arrival: Arrival | None


def parse_event(row: Any) -> Event:
    """Check one row of a batch.

    :raises InvalidRow: with the field and the reason
    """
    if not isinstance(row, dict):
        raise InvalidRow("event: must be an object")
    kind = _text(row, "kind", 64)
    if kind not in _KIND_CODES:
        raise InvalidRow(f"kind: must be one of {', '.join(sorted(_KIND_CODES))}")
    started_at = read_time(row, "started_at")
    ended_at = None if row.get("ended_at") is None else read_time(row, "ended_at")
    if ended_at is not None and ended_at < started_at:
        raise InvalidRow("ended_at: lies before started_at")
    if not isinstance(row.get("retracted"), bool):
        raise InvalidRow("retracted: must be true or false")
    return Event(
        uuid=_uuid(row),
        revision=_revision(row),
        retracted=row["retracted"],
        kind=kind,
        subject=_text(row, "subject", _MAX_SUBJECT),
        vehicle_identifier=read_identifier(row),
        device_id=_text(row, "device_id", 64),
        started_at=started_at,
        ended_at=ended_at,
        latitude=read_number(row, "latitude", -90, 90),
        longitude=read_number(row, "longitude", -180, 180),
        detail=_detail(row),
        arrival=_arrival(row) if kind == "trip" else None,
    )


def uuid_of(row: Any) -> str | None:
    """Return what ``row`` names as its uuid, to repeat it in the answer."""
    uuid = row.get("uuid") if isinstance(row, dict) else None
    return uuid[:64] if isinstance(uuid, str) else None


def _uuid(row: dict[str, Any]) -> str:
    try:
        uuid: Any = row.get("uuid")
        return str(UUID(uuid))
    except (TypeError, ValueError, AttributeError):
        raise InvalidRow("uuid: must be a UUID") from None


def _revision(row: dict[str, Any]) -> int:
    revision = row.get("revision")
    if isinstance(revision, bool) or not isinstance(revision, int):
        raise InvalidRow("revision: must be a whole number")
    if not 1 <= revision <= _MAX_REVISION:
        raise InvalidRow(f"revision: must lie between 1 and {_MAX_REVISION}")
    return revision


def _text(row: dict[str, Any], name: str, longest: int) -> str:
    value = row.get(name)
    # PostgreSQL holds no NUL.
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        raise InvalidRow(f"{name}: must be a text of at most {longest} characters")
    return value


def _detail(row: dict[str, Any]) -> str:
    """What the event says beyond its time and place, for people."""
    data = row.get("data")
    if not isinstance(data, dict):
        raise InvalidRow("data: must be an object")
    parts = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in data.items()
        if value is not None and value is not False
    ]
    return ", ".join(parts).replace("\x00", "")[:_MAX_DETAIL]


def _arrival(row: dict[str, Any]) -> Arrival | None:
    data = row["data"]
    if data.get("eta") is None:
        return None
    return Arrival(
        expected_at=read_time(data, "eta"),
        remaining_km=read_number(data, "remaining_km", 0, 50_000),
        percent_done=round(100 * read_number(data, "progress", 0, 1), 1),
    )
