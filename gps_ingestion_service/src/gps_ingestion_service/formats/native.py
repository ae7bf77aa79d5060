"""The service's own format: a JSON object, an array of them, or NDJSON.

Units are the service's own, so nothing is converted. Source: ``docs/interfaces.md``.

A body is read twice only where it has to be. One whose rows all have the modelled
fields, with values of the right kind and range, is checked by the JSON parser itself;
any other is read field by field, so that what is wrong can be named. Both ways make the
same rows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

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
    items = _Items(message.body)
    plain = _plain(message.body)
    count = len(items.read() if plain is None else plain)
    if count > max_rows:
        raise TooManyRows(count, max_rows)
    return Decoded(
        rows=(
            [decode_row(item) for item in items.read()]
            if plain is None
            else [_plain_row(row) for row in plain]
        ),
        part=lambda index: json_body.encode(items.read()[index]),
    )


class _Items:
    """The rows of a body as they were sent, read once and only if one is asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._items: list[object] | None = None

    def read(self) -> list[object]:
        """All of them.

        Raises:
            DecodeError: the body is no JSON.
        """
        if self._items is None:
            document = json_body.parse(self._body)
            self._items = document if isinstance(document, list) else [document]
        return self._items


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


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row with the modelled fields only, within the ranges of :mod:`fields`.

    Texts are left to :mod:`fields`: the parser rounds a time where Python cuts it off,
    and the same fix must have one time whichever way it was read.
    """

    latitude: Annotated[float, msgspec.Meta(ge=-90.0, le=90.0)]
    longitude: Annotated[float, msgspec.Meta(ge=-180.0, le=180.0)]
    timestamp: str
    device_id: str | None = None
    vehicle_identifier: str | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] | None = None
    course: Annotated[float, msgspec.Meta(ge=0.0, le=360.0)] | None = None
    altitude: Annotated[float, msgspec.Meta(ge=-12_000.0, le=100_000.0)] | None = None
    accuracy: Annotated[float, msgspec.Meta(ge=0.0, le=10_000_000.0)] | None = None
    attributes: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Plain | list[_Plain])


def _plain(body: bytes) -> list[_Plain] | None:
    """The rows of a body that needs no look at each field, None for any other."""
    try:
        document = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, list) else [document]


def _plain_row(row: _Plain) -> Row:
    """The row as :func:`decode_row` makes it."""
    try:
        attributes: Mapping[str, Any] = {}
        if row.attributes:
            attributes = fields.attributes(row.attributes)
        device_id, vehicle = row.device_id, row.vehicle_identifier
        if device_id is not None:
            fields.identifier(device_id, "device_id", fields.DEVICE_ID)
        if vehicle is not None:
            fields.identifier(vehicle, "vehicle_identifier", fields.VEHICLE_IDENTIFIER)
        return Fix(
            device_id=device_id,
            vehicle_identifier=vehicle,
            latitude=row.latitude,
            longitude=row.longitude,
            fix_time=fields.timestamp(row.timestamp),
            speed=row.speed,
            course=0.0 if row.course == 360.0 else row.course,
            altitude=row.altitude,
            accuracy=row.accuracy,
            attributes=attributes,
        )
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
