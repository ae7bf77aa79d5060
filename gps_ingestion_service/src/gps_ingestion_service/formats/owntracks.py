"""OwnTracks in HTTP mode: one JSON object a request.

Source: the OwnTracks booklet, pages "JSON" and "HTTP". Speed is in km/h. Only
``_type: location`` holds a fix; everything else, and an empty body, is acknowledged.
An app that does not get ``[]`` back may send the same message for ever.
"""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from gps_ingestion_service.fix import Fix
from gps_ingestion_service.formats import fields, json_body
from gps_ingestion_service.formats.base import (
    Decoded,
    DecodeError,
    HttpFormat,
    Message,
)
from gps_ingestion_service.formats.fields import FieldError

_MODELLED = frozenset({"_type", "lat", "lon", "tst", "vel", "cog", "alt", "acc"})


def decode(message: Message, _received_at: datetime, _max_rows: int) -> Decoded:
    """Read one location; any other message has no row.

    Raises:
        DecodeError: the body is no JSON object with a ``_type``, or it is a location
            that names no sender.
    """
    if not message.body.strip():
        return Decoded(rows=[])
    document = json_body.parse(message.body)
    if not isinstance(document, dict) or not isinstance(document.get("_type"), str):
        raise DecodeError("invalid_body", "the body must be an object with a _type")
    device_id = _sender(message, document)
    if document["_type"] != "location":
        return Decoded(rows=[], device_id=device_id)
    if device_id is None:
        raise DecodeError(
            "missing_field", "topic, the user and device, or tid is required"
        )
    try:
        return Decoded(rows=[_fix(document, device_id)], device_id=device_id)
    except FieldError as error:
        return Decoded(rows=[error.rejection], device_id=device_id)


def _sender(message: Message, document: dict[str, Any]) -> str | None:
    """``user:device`` of the topic, the headers or the query; else the tracker id."""
    topic = document.get("topic")
    if isinstance(topic, str):
        levels = topic.strip("/").split("/")
        if len(levels) >= 3 and all(levels[1:3]):
            return ":".join(levels[1:3])
    query = parse_qs(message.query)
    user = message.user or query.get("u", [""])[0]
    device = message.device or query.get("d", [""])[0]
    if user and device:
        return f"{user}:{device}"
    tracker_id = document.get("tid")
    return tracker_id if isinstance(tracker_id, str) and tracker_id else None


def _fix(document: dict[str, Any], device_id: str) -> Fix:
    for field in ("lat", "lon", "tst"):
        if document.get(field) is None:
            fields.missing(field)
    return Fix(
        device_id=device_id,
        latitude=fields.latitude(document["lat"], "lat"),
        longitude=fields.longitude(document["lon"], "lon"),
        fix_time=fields.epoch(fields.number(document["tst"], "tst", 0, 1e15), "tst"),
        speed=_speed(document.get("vel")),
        course=fields.course(fields.unless_negative(document.get("cog")), "cog"),
        altitude=fields.altitude(document.get("alt"), "alt"),
        accuracy=fields.accuracy(fields.unless_negative(document.get("acc")), "acc"),
        attributes=fields.attributes(
            {key: value for key, value in document.items() if key not in _MODELLED}
        ),
    )


def _speed(value: object) -> float | None:
    known = fields.unless_negative(value)
    if known is None:
        return None
    return fields.number(known, "vel", 0.0, 3600.0) * fields.MPS_PER_KMH


def _recognises(message: Message, document: dict[str, Any] | None) -> bool:
    if document is None:
        return not message.body.strip() and bool(message.user and message.device)
    return "_type" in document


FORMAT = HttpFormat(
    name="owntracks",
    path="/v1/owntracks",
    decode=decode,
    recognises=_recognises,
    unknown_device_status=404,
    receipt=b"[]",
)
