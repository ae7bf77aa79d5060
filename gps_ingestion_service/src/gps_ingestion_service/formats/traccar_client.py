"""Traccar Client 9 and later: JSON on the same URL as OsmAnd.

Source: the payload of the background geolocation library that the app uses. Speed is
in m/s; a negative speed, heading or battery level means unknown; without ``coords``
the message is a heartbeat.
"""

from datetime import datetime
from typing import Any

from gps_ingestion_service.fix import Fix, Rejection, Row
from gps_ingestion_service.formats import fields, json_body
from gps_ingestion_service.formats.base import (
    Decoded,
    DecodeError,
    HttpFormat,
    Message,
    TooManyRows,
)
from gps_ingestion_service.formats.fields import FieldError

_COORDINATES = frozenset(
    {"latitude", "longitude", "accuracy", "speed", "heading", "altitude"}
)
_NOT_ATTRIBUTES = frozenset({"timestamp", "coords", "battery", "activity"})


def decode(message: Message, _received_at: datetime, max_rows: int) -> Decoded:
    """Read one location, an array of them, or a heartbeat.

    Raises:
        DecodeError: the body is not JSON, or names no device.
    """
    document = json_body.parse(message.body)
    if not isinstance(document, dict):
        raise DecodeError("invalid_body", "the body must be an object")
    device_id = document.get("device_id")
    if not isinstance(device_id, str) or not device_id.strip():
        raise DecodeError("missing_field", "device_id is required and must be a text")
    device_id = device_id.strip()
    location = document.get("location")
    if location is None:
        return Decoded(rows=[], device_id=device_id)
    items = location if isinstance(location, list) else [location]
    if len(items) > max_rows:
        raise TooManyRows(len(items), max_rows)
    # A heartbeat among the locations is no row.
    rows = {
        index: row
        for index, item in enumerate(items)
        if (row := _row(item, device_id)) is not None
    }
    places = list(rows)
    return Decoded(
        rows=list(rows.values()),
        device_id=device_id,
        part=lambda row: json_body.encode(
            {"device_id": device_id, "location": items[places[row]]}
        ),
    )


def _row(item: object, device_id: str) -> Row | None:
    if not isinstance(item, dict):
        return Rejection("invalid_row", "location", "a location must be an object")
    coordinates = item.get("coords")
    if coordinates is None:
        return None
    if not isinstance(coordinates, dict):
        return Rejection("invalid_type", "coords", "coords must be an object")
    try:
        return _fix(item, coordinates, device_id)
    except FieldError as error:
        return error.rejection


def _fix(item: dict[str, Any], coordinates: dict[str, Any], device_id: str) -> Fix:
    for field in ("latitude", "longitude"):
        if coordinates.get(field) is None:
            fields.missing(field)
    if item.get("timestamp") is None:
        fields.missing("timestamp")
    return Fix(
        device_id=device_id,
        latitude=fields.latitude(coordinates["latitude"]),
        longitude=fields.longitude(coordinates["longitude"]),
        fix_time=_time(item["timestamp"]),
        speed=fields.speed(fields.unless_negative(coordinates.get("speed"))),
        course=fields.course(
            fields.unless_negative(coordinates.get("heading")), "heading"
        ),
        altitude=fields.altitude(coordinates.get("altitude")),
        accuracy=fields.accuracy(fields.unless_negative(coordinates.get("accuracy"))),
        attributes=fields.attributes(_attributes(item, coordinates)),
    )


def _time(value: object) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return fields.epoch(fields.number(value, "timestamp", -1e18, 1e18))
    return fields.timestamp(value)


def _attributes(item: dict[str, Any], coordinates: dict[str, Any]) -> dict[str, Any]:
    result = {
        key: value
        for key, value in item.items()
        if key not in _NOT_ATTRIBUTES and value not in (None, {}, "")
    }
    for key, value in coordinates.items():
        if key not in _COORDINATES and value is not None:
            result[key] = value
    battery = item.get("battery")
    if isinstance(battery, dict):
        level = fields.unless_negative(battery.get("level"))
        if level is not None:
            result["battery_level"] = level
        if battery.get("is_charging") is not None:
            result["charging"] = battery["is_charging"]
    activity = item.get("activity")
    if isinstance(activity, dict) and activity.get("type") is not None:
        result["activity"] = activity["type"]
    return result


FORMAT = HttpFormat(
    name="traccar-client",
    path="/v1/osmand",
    decode=decode,
    recognises=lambda message, document: message.body.lstrip()[:1] == b"{",
    unknown_device_status=404,
)
