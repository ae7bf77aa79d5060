"""Positions that a Traccar server forwards: JSON, or a query or form of its fields.

Source: Traccar's configuration reference (``forward.type`` ``json`` and ``url``) and
its model of a position: speed in knots, times in ISO 8601 in JSON and in Unix
milliseconds in a query. A query is what the operator's ``forward.url`` says; the names
read here are those of the placeholders, ``uniqueId={uniqueId}&fixTime={fixTime}&...``.
What has no meaning here is kept in the attributes, the description of the device as
``device``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gps_ingestion_service.fix import Fix, Row
from gps_ingestion_service.formats import fields, json_body
from gps_ingestion_service.formats.base import (
    Decoded,
    DecodeError,
    HttpFormat,
    Message,
)
from gps_ingestion_service.formats.fields import FieldError
from gps_ingestion_service.formats.parameters import first, parameters_of

_NUMBERS = ("latitude", "longitude", "speed", "course", "altitude", "accuracy")
# ``id`` is always 0, and the token is a credential, not data.
_NOT_ATTRIBUTES = frozenset(
    (*_NUMBERS, "fixTime", "id", "attributes", "uniqueId", "token")
)
_MAX_KNOTS = 1000.0 / fields.MPS_PER_KNOT


def decode(message: Message, _received_at: datetime, _max_rows: int) -> Decoded:
    """Read one position.

    Raises:
        DecodeError: it is no forwarded position, or names no device.
    """
    if message.body.lstrip()[:1] == b"{":
        position, device = _from_json(message.body)
    else:
        position, device = _from_parameters(message)
    device_id = device.pop("uniqueId")
    return Decoded(rows=[_row(position, device_id, device)], device_id=device_id)


def _from_json(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """A position, and its device with a ``uniqueId``."""
    document = json_body.parse(body)
    position, device = document.get("position"), document.get("device")
    if not isinstance(position, dict) or not isinstance(device, dict):
        raise DecodeError("invalid_body", "position and device must be objects")
    device_id = device.get("uniqueId")
    if not isinstance(device_id, str) or not device_id.strip():
        raise DecodeError("missing_field", "device.uniqueId is required")
    return position, {**device, "uniqueId": device_id.strip()}


def _from_parameters(message: Message) -> tuple[dict[str, Any], dict[str, Any]]:
    parameters = parameters_of(message)
    device_id = first(parameters, "uniqueId")
    if device_id is None:
        raise DecodeError("missing_field", "uniqueId is required")
    position: dict[str, Any] = {key: first(parameters, key) for key in parameters}
    more = position.get("attributes")
    if more is not None:
        position["attributes"] = json_body.parse(more.encode())
    return position, {"uniqueId": device_id}


def _row(position: dict[str, Any], device_id: str, device: dict[str, Any]) -> Row:
    try:
        return _fix(position, device_id, device)
    except FieldError as error:
        return error.rejection


def _fix(position: dict[str, Any], device_id: str, device: dict[str, Any]) -> Fix:
    for field in ("latitude", "longitude", "fixTime"):
        if position.get(field) is None:
            fields.missing(field)
    values = {name: _number(position.get(name), name) for name in _NUMBERS}
    speed, accuracy = values["speed"], values["accuracy"]
    return Fix(
        device_id=device_id,
        latitude=fields.latitude(values["latitude"]),
        longitude=fields.longitude(values["longitude"]),
        fix_time=_time(position["fixTime"]),
        speed=None if speed is None else _speed(speed),
        course=fields.course(values["course"]),
        altitude=fields.altitude(values["altitude"]),
        # Zero is what Traccar keeps where a device told no accuracy.
        accuracy=fields.accuracy(accuracy) if accuracy else None,
        attributes=_attributes(position, device),
    )


def _number(value: object, field: str) -> object:
    return fields.parse_number(value, field) if isinstance(value, str) else value


def _speed(knots: object) -> float:
    return fields.number(knots, "speed", 0.0, _MAX_KNOTS) * fields.MPS_PER_KNOT


def _time(value: object) -> datetime:
    try:
        return fields.epoch(
            fields.number(_number(value, "fixTime"), "fixTime", 0, 1e15), "fixTime"
        )
    except FieldError as error:
        if error.rejection.code != "invalid_type":
            raise
    return fields.timestamp(value, "fixTime")


def _attributes(position: dict[str, Any], device: dict[str, Any]) -> Mapping[str, Any]:
    inner = position.get("attributes")
    if inner is not None and not isinstance(inner, dict):
        raise FieldError("invalid_type", "attributes", "attributes must be an object")
    outer = {
        key: value
        for key, value in position.items()
        if key not in _NOT_ATTRIBUTES and value is not None
    }
    kept = {**outer, **(inner or {})}
    known = {key: value for key, value in device.items() if value is not None}
    if not known or "device" in kept:
        return fields.attributes(kept)
    try:
        return fields.attributes({"device": known, **kept})
    except FieldError as error:
        # The position is worth more than a long description of its device.
        if error.rejection.code not in ("attributes_too_large", "nested_too_deeply"):
            raise
        return fields.attributes(kept)


def _recognises(message: Message, document: dict[str, Any] | None) -> bool:
    if document is not None:
        return "position" in document and "device" in document
    return "uniqueId=" in message.query or b"uniqueId=" in message.body[:4096]


FORMAT = HttpFormat(
    name="traccar-forward",
    path="/v1/traccar",
    decode=decode,
    recognises=_recognises,
    unknown_device_status=404,
)
