"""Checks of single fields, shared by the formats.

Each returns the value in the service's own units or raises :class:`FieldError`.
Ranges are those of the quantity, not of a plausible truck: WGS 84 degrees for the
coordinates, and for the rest bounds that no instrument on a vehicle exceeds.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NoReturn

import msgspec

from gps_ingestion_service.fix import Rejection

DEVICE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
VEHICLE_IDENTIFIER = re.compile(r"[A-Z0-9]{1,32}")
MPS_PER_KNOT = 1852.0 / 3600.0
MPS_PER_KMH = 1.0 / 3.6
MAX_ATTRIBUTES_BYTES = 8192
MAX_ATTRIBUTES_DEPTH = 8

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Below this a number of seconds, from here on milliseconds: Traccar's own rule.
_FIRST_MILLISECONDS = 2**31 - 1


class FieldError(Exception):
    """One field is wrong, so its row is rejected."""

    def __init__(self, code: str, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.rejection = Rejection(code, field, reason)


def missing(field: str) -> NoReturn:
    """Refuse a row that lacks ``field``."""
    raise FieldError("missing_field", field, f"{field} is required")


def number(value: object, field: str, low: float, high: float) -> float:
    """A JSON number within ``low`` and ``high``, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError("invalid_type", field, f"{field} must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = high + 1
    if not isfinite(result):
        raise FieldError("not_finite", field, f"{field} must be a finite number")
    if not low <= result <= high:
        raise FieldError(
            "out_of_range", field, f"{field} must be between {low:g} and {high:g}"
        )
    return result


def parse_number(text: str, field: str) -> float:
    """The number that a text holds, as query strings carry it."""
    text = text.strip()
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        raise FieldError("not_finite", field, f"{field} must be a finite number")
    raise FieldError("invalid_type", field, f"{field} must be a number")


def latitude(value: object, field: str = "latitude") -> float:
    """Degrees north, -90 to 90."""
    return number(value, field, -90.0, 90.0)


def longitude(value: object, field: str = "longitude") -> float:
    """Degrees east, -180 to 180."""
    return number(value, field, -180.0, 180.0)


def speed(value: object, field: str = "speed") -> float | None:
    """Metres per second, 0 to 1,000."""
    return None if value is None else number(value, field, 0.0, 1000.0)


def course(value: object, field: str = "course") -> float | None:
    """Degrees clockwise from north; 360 is read as 0."""
    if value is None:
        return None
    degrees = number(value, field, 0.0, 360.0)
    return 0.0 if degrees == 360.0 else degrees


def altitude(value: object, field: str = "altitude") -> float | None:
    """Metres, -12,000 to 100,000."""
    return None if value is None else number(value, field, -12_000.0, 100_000.0)


def accuracy(value: object, field: str = "accuracy") -> float | None:
    """Metres, 0 to 10,000,000: a network fix may be off by a country."""
    return None if value is None else number(value, field, 0.0, 10_000_000.0)


def unless_negative(value: object) -> object:
    """None for the negative number by which phones say "unknown"."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return None
    return value


def timestamp(value: object, field: str = "timestamp") -> datetime:
    """UTC time of an ISO 8601 text with a zone."""
    if not isinstance(value, str):
        raise FieldError(
            "invalid_type",
            field,
            f"{field} must be an ISO 8601 text such as 2026-11-23T10:00:00Z",
        )
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        raise FieldError(
            "invalid_timestamp",
            field,
            f"{field} is not an ISO 8601 time such as 2026-11-23T10:00:00Z",
        ) from None
    if parsed.tzinfo is UTC:
        return parsed
    if parsed.utcoffset() is None:
        raise FieldError(
            "timestamp_without_zone",
            field,
            f"{field} needs a zone: end it with Z for UTC",
        )
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        raise FieldError(
            "invalid_timestamp", field, f"{field} is outside the calendar"
        ) from None


def epoch(value: float, field: str = "timestamp") -> datetime:
    """UTC time of Unix seconds, or of milliseconds where the number is large."""
    seconds = value if value < _FIRST_MILLISECONDS else value / 1000.0
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise FieldError(
            "invalid_timestamp", field, f"{field} is outside the calendar"
        ) from None


def epoch_ms(value: int, field: str = "timestamp") -> datetime:
    """UTC time of Unix milliseconds, to the last digit."""
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError):
        raise FieldError(
            "invalid_timestamp", field, f"{field} is outside the calendar"
        ) from None


def identifier(value: object, field: str, pattern: re.Pattern[str]) -> str | None:
    """An optional identifier of the given form."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise FieldError("invalid_type", field, f"{field} must be a text")
    if not pattern.fullmatch(value):
        raise FieldError(
            "invalid_identifier", field, f"{field} must match {pattern.pattern}"
        )
    return value


def attributes(value: object, field: str = "attributes") -> Mapping[str, Any]:
    """What else a device sends: a JSON object that PostgreSQL can keep.

    PostgreSQL's jsonb holds no NUL and no lone surrogate, so such texts are refused
    here, where the row can still be named.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError("invalid_type", field, f"{field} must be an object")
    if not value:
        return value
    _check_json(value, field, MAX_ATTRIBUTES_DEPTH)
    size = len(msgspec.json.encode(value))
    if size > MAX_ATTRIBUTES_BYTES:
        raise FieldError(
            "attributes_too_large",
            field,
            f"{field} takes {size} bytes, {MAX_ATTRIBUTES_BYTES} are allowed",
        )
    return value


def _check_json(value: object, field: str, depth: int) -> None:
    if isinstance(value, str):
        if "\x00" in value or _SURROGATE.search(value):
            raise FieldError(
                "invalid_text",
                field,
                f"{field} holds a NUL or an unpaired surrogate",
            )
    elif isinstance(value, float):
        if not isfinite(value):
            raise FieldError("not_finite", field, f"{field} holds NaN or Infinity")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise FieldError(
                "nested_too_deeply",
                field,
                f"{field} is nested more than {MAX_ATTRIBUTES_DEPTH} levels deep",
            )
        if isinstance(value, dict):
            for key in value:
                _check_json(key, field, depth)
            value = list(value.values())
        for item in value:
            _check_json(item, field, depth - 1)
