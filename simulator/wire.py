"""Wire formats: fixes to requests, and what an answer says about each fix.

Pure functions. Formats: the service's own JSON batch, OsmAnd's query (speed in
knots), the JSON body of Traccar Client 9 and later, and the binary ones of ``frames``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from simulator.fleet import WireFormat
from simulator.frames import encode_frames
from simulator.tracker import Fix

KNOTS_PER_MS = 3600 / 1852
"""Knots in one metre per second (a knot is 1,852 m per hour)."""

MAX_BATCH: dict[WireFormat, int] = {
    "native": 50,
    "osmand": 1,
    "traccar-json": 50,
    "teltonika": 25,
    "gt06": 10,
}
"""Most fixes of one device that a request of a format carries."""

Verdict = Literal["accepted", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, ready to send."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Frames:
    """Bytes for the TCP connection of one device."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The service dealt with every fix: one verdict per fix, in order."""

    verdicts: tuple[Verdict, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The service does not take this device (unknown, wrong token): ask a human."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing was stored; keep the fixes and send them again."""

    reason: str
    retry_after_s: float | None = None


Reply = Answered | Refused | TryLater


def iso_utc(timestamp: int) -> str:
    """Unix seconds as ISO 8601 UTC with ``Z``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(value: object) -> bytes:
    """JSON without blanks, UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode()


def native_row(fix: Fix) -> dict[str, Any]:
    """A fix in the native format."""
    row: dict[str, Any] = {
        "device_id": fix.device_id,
        "latitude": fix.latitude,
        "longitude": fix.longitude,
        "timestamp": iso_utc(fix.timestamp),
        "speed": fix.speed_ms,
        "accuracy": fix.accuracy_m,
        "attributes": fix.attributes,
    }
    if fix.course_deg is not None:
        row["course"] = fix.course_deg
    return row


def native_batch(token: str, fixes: Sequence[Fix]) -> Request:
    """The native JSON array; with an ingest token, of many devices at once."""
    return Request(
        "POST",
        "/v1/positions",
        (),
        (
            ("Authorization", f"Bearer {token}"),
            ("Content-Type", "application/json"),
        ),
        compact([native_row(fix) for fix in fixes]),
    )


def encode(
    wire_format: WireFormat, token: str, fixes: Sequence[Fix]
) -> Request | Frames:
    """The request that carries ``fixes`` of one device.

    Raises:
        ValueError: there are no fixes, or more than the format carries.
    """
    if not 1 <= len(fixes) <= MAX_BATCH[wire_format]:
        raise ValueError(
            f"{wire_format} carries 1 to {MAX_BATCH[wire_format]} fixes, "
            f"not {len(fixes)}"
        )
    if wire_format == "teltonika" or wire_format == "gt06":
        return Frames(encode_frames(wire_format, fixes))
    if wire_format == "native":
        return native_batch(token, fixes)
    if wire_format == "osmand":
        return _osmand(token, fixes[0])
    return _traccar_json(token, fixes)


def _osmand(token: str, fix: Fix) -> Request:
    query = [
        ("id", fix.device_id),
        ("token", token),
        ("timestamp", str(fix.timestamp)),
        ("lat", f"{fix.latitude:.6f}"),
        ("lon", f"{fix.longitude:.6f}"),
        ("speed", f"{fix.speed_ms * KNOTS_PER_MS:.3f}"),
        ("accuracy", f"{fix.accuracy_m:.1f}"),
    ]
    if fix.course_deg is not None:
        query.append(("bearing", f"{fix.course_deg:.1f}"))
    for name, value in fix.attributes.items():
        if name == "battery_level":
            query.append(("batt", f"{float(value) * 100:.0f}"))
        elif name == "charging":
            query.append(("charge", _lower(value)))
        else:
            query.append((name, _lower(value)))
    return Request("GET", "/v1/osmand", tuple(query), (), None)


def _lower(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _traccar_json(token: str, fixes: Sequence[Fix]) -> Request:
    locations = [_traccar_location(fix) for fix in fixes]
    body = {
        "device_id": fixes[0].device_id,
        "location": locations[0] if len(locations) == 1 else locations,
    }
    return Request(
        "POST",
        "/v1/osmand",
        (("token", token),),
        (("Content-Type", "application/json"),),
        compact(body),
    )


def _traccar_location(fix: Fix) -> dict[str, Any]:
    attributes = dict(fix.attributes)
    moving = bool(attributes.pop("motion", False))
    return {
        "timestamp": iso_utc(fix.timestamp),
        "coords": {
            "latitude": fix.latitude,
            "longitude": fix.longitude,
            "accuracy": fix.accuracy_m,
            "speed": fix.speed_ms,
            "heading": -1 if fix.course_deg is None else fix.course_deg,
        },
        "is_moving": moving,
        "odometer": attributes.pop("odometer_m", 0),
        "event": "motionchange" if not moving else "",
        "battery": {
            "level": attributes.pop("battery_level", -1),
            "is_charging": attributes.pop("charging", False),
        },
        "activity": {"type": "in_vehicle" if moving else "still"},
        "extras": attributes,
    }


def understand(
    wire_format: WireFormat, count: int, status: int, body: bytes, retry_after: str
) -> Reply:
    """What an HTTP answer means for the ``count`` fixes that were sent.

    Args:
        retry_after: the header of that name, empty where it is missing.
    """
    code, message = _error_of(body)
    reason = f"{status} {code}: {message}" if code else f"HTTP {status}"
    if status == 200:
        if wire_format == "native":
            return _verdicts(count, body)
        return _all("accepted", count)
    if status in (401, 403, 404) or code == "unknown_device":
        return Refused(status, reason)
    if 400 <= status < 500 and status not in (408, 425, 429):
        return _all("rejected", count, reason)
    return TryLater(reason, _seconds(retry_after))


def _all(verdict: Verdict, count: int, reason: str | None = None) -> Answered:
    return Answered((verdict,) * count, reason)


def _verdicts(count: int, body: bytes) -> Reply:
    try:
        results = json.loads(body)["results"]
        verdicts: list[Verdict] = ["rejected"] * count
        seen = set()
        reason = None
        for result in results:
            index, status = result["index"], result["status"]
            if status not in ("accepted", "duplicate", "rejected") or index < 0:
                raise ValueError(f"unexpected result {result}")
            verdicts[index] = status
            seen.add(index)
            if status == "rejected":
                reason = f"{result.get('code')}: {result.get('reason')}"
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return TryLater(f"the answer is not understood: {error!r}")
    if len(seen) != count:
        return TryLater(f"the answer has {len(seen)} verdicts for {count} fixes")
    return Answered(tuple(verdicts), reason)


def _error_of(body: bytes) -> tuple[str, str]:
    try:
        error = json.loads(body)["error"]
        return str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def _seconds(retry_after: str) -> float | None:
    try:
        seconds = float(retry_after)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 3_600 else None
