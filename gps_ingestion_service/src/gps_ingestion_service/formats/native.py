"""The service's own format: a JSON object, an array of them, or NDJSON.

Units are the service's own, so nothing is converted. Source: ``docs/interfaces.md``.
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

NDJSON = "application/x-ndjson"
_MODELLED = frozenset(
    {
        "device_id",
        "vehicle_identifier",
        "latitude",
        "longitude",
        "timestamp",
        "speed",
        "course",
        "altitude",
        "accuracy",
        "attributes",
    }
)


def recognises(message: Message, document: dict[str, Any] | None) -> bool:
    """An array, lines of JSON, or an object with a latitude."""
    if document is not None:
        return "latitude" in document
    return _is_ndjson(message) or message.body.lstrip()[:1] == b"["


def decode(message: Message, _received_at: datetime, max_rows: int) -> Decoded:
    """Read every row of the body; a bad row becomes a rejection in its place."""
    if _is_ndjson(message):
        return _decode_lines(message.body, max_rows)
    if _media_type(message) not in ("", "application/json"):
        raise DecodeError(
            "unsupported_media_type",
            f"send Content-Type application/json or {NDJSON}",
            415,
        )
    document = json_body.parse(message.body)
    items = document if isinstance(document, list) else [document]
    if len(items) > max_rows:
        raise TooManyRows(len(items), max_rows)
    return Decoded(
        rows=[decode_row(item) for item in items],
        part=lambda index: json_body.encode(items[index]),
    )


def _media_type(message: Message) -> str:
    return message.content_type.partition(";")[0].strip().lower()


def _is_ndjson(message: Message) -> bool:
    return _media_type(message) in (NDJSON, "application/ndjson")


def _decode_lines(body: bytes, max_rows: int) -> Decoded:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > max_rows:
        raise TooManyRows(len(lines), max_rows)
    rows: list[Row] = []
    for line in lines:
        try:
            rows.append(decode_row(json_body.parse(line)))
        except DecodeError as error:
            rows.append(Rejection(error.code, None, error.message))
    return Decoded(rows=rows, part=lambda index: lines[index])


def decode_row(item: object) -> Row:
    """One native row, checked; any JSON value may come in."""
    if not isinstance(item, dict):
        return Rejection("invalid_row", None, "a row must be an object")
    try:
        return _fix(item)
    except FieldError as error:
        return error.rejection


def _fix(item: dict[str, Any]) -> Fix:
    for field in ("latitude", "longitude", "timestamp"):
        if item.get(field) is None:
            fields.missing(field)
    attributes = fields.attributes(item.get("attributes"))
    extra = item.keys() - _MODELLED
    if extra:
        more = {key: item[key] for key in sorted(extra)}
        attributes = fields.attributes({**more, **attributes})
    return Fix(
        device_id=fields.identifier(
            item.get("device_id"), "device_id", fields.DEVICE_ID
        ),
        vehicle_identifier=fields.identifier(
            item.get("vehicle_identifier"),
            "vehicle_identifier",
            fields.VEHICLE_IDENTIFIER,
        ),
        latitude=fields.latitude(item["latitude"]),
        longitude=fields.longitude(item["longitude"]),
        fix_time=fields.timestamp(item["timestamp"]),
        speed=fields.speed(item.get("speed")),
        course=fields.course(item.get("course")),
        altitude=fields.altitude(item.get("altitude")),
        accuracy=fields.accuracy(item.get("accuracy")),
        attributes=attributes,
    )


FORMAT = HttpFormat(
    name="native",
    path="/v1/positions",
    decode=decode,
    recognises=recognises,
    reads_verdicts=True,
)
