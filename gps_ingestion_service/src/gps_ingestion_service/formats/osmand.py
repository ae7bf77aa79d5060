"""OsmAnd and Traccar Client up to 8: one fix in a query string or a form.

Source: the parameters that Traccar documents for its OsmAnd protocol. Speed comes in
knots; a time without a zone is that of the device's clock, which is UTC unless an
operator says otherwise; without a time, the fix is of now; without a position, the
message is a keep-alive.
"""

from datetime import UTC, datetime
from typing import Any

from gps_ingestion_service.fix import ANNOUNCED_OFFSET, Fix
from gps_ingestion_service.formats import fields
from gps_ingestion_service.formats.base import (
    Decoded,
    DecodeError,
    HttpFormat,
    Message,
)
from gps_ingestion_service.formats.fields import FieldError
from gps_ingestion_service.formats.parameters import Parameters, first, parameters_of

# The token is a credential, not data: it must never reach a stored attribute.
_MODELLED = frozenset(
    "id deviceid token lat lon location timestamp speed bearing heading altitude "
    "accuracy".split()
)
_NUMERIC = frozenset({"hdop", "batt"})
_BOOLEAN = frozenset({"charge", "mock", "valid"})
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def decode(message: Message, received_at: datetime, _max_rows: int) -> Decoded:
    """Read one fix or keep-alive.

    Raises:
        DecodeError: ``missing_field`` without ``id``; wrong encoding or form.
    """
    parameters = parameters_of(message)
    device_id = first(parameters, "id", "deviceid")
    if device_id is None:
        raise DecodeError("missing_field", "id (or deviceid) is required")
    try:
        position = _position(parameters)
        if position is None:
            return Decoded(rows=[], device_id=device_id)
        fix = _fix(parameters, position, received_at, device_id)
    except FieldError as error:
        return Decoded(rows=[error.rejection], device_id=device_id)
    return Decoded(rows=[fix], device_id=device_id)


def _position(parameters: Parameters) -> tuple[float, float] | None:
    latitude = first(parameters, "lat")
    longitude = first(parameters, "lon")
    location = first(parameters, "location")
    if latitude is None and longitude is None:
        if location is None:
            return None
        latitude, comma, longitude = location.partition(",")
        if not comma:
            raise FieldError("invalid_type", "location", "location must be lat,lon")
    if latitude is None:
        fields.missing("lat")
    if longitude is None:
        fields.missing("lon")
    return (
        fields.latitude(fields.parse_number(latitude, "lat"), "lat"),
        fields.longitude(fields.parse_number(longitude, "lon"), "lon"),
    )


def _fix(
    parameters: Parameters,
    position: tuple[float, float],
    received_at: datetime,
    device_id: str,
) -> Fix:
    knots = fields.unless_negative(_number(parameters, "speed"))
    time, has_zone = _time(first(parameters, "timestamp"), received_at)
    attributes = _attributes(parameters)
    if not has_zone:
        attributes[ANNOUNCED_OFFSET] = 0
    return Fix(
        device_id=device_id,
        latitude=position[0],
        longitude=position[1],
        fix_time=time,
        sent_time=None if has_zone else time,
        speed=fields.speed(
            knots * fields.MPS_PER_KNOT if isinstance(knots, float) else None
        ),
        course=fields.course(
            fields.unless_negative(_number(parameters, "bearing", "heading")),
            "bearing",
        ),
        altitude=fields.altitude(_number(parameters, "altitude")),
        accuracy=fields.accuracy(
            fields.unless_negative(_number(parameters, "accuracy"))
        ),
        attributes=fields.attributes(attributes),
    )


def _number(parameters: Parameters, *names: str) -> float | None:
    text = first(parameters, *names)
    return None if text is None else fields.parse_number(text, names[0])


def _time(text: str | None, received_at: datetime) -> tuple[datetime, bool]:
    """The time, and whether it came with a zone; if not, it is read as UTC."""
    if text is None:
        return received_at, True
    try:
        return fields.epoch(fields.parse_number(text, "timestamp")), True
    except FieldError as error:
        if error.rejection.code != "invalid_type":
            raise
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return fields.timestamp(text), True
    return local.replace(tzinfo=UTC), False


def _attributes(parameters: Parameters) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, values in parameters.items():
        if key not in _MODELLED:
            read = [_attribute(key, value) for value in values]
            result[key] = read[0] if len(read) == 1 else read
    return result


def _attribute(key: str, value: str) -> float | bool | str:
    if key in _BOOLEAN:
        return _TRUTH.get(value.strip().lower(), value)
    if key in _NUMERIC:
        try:
            return fields.parse_number(value, key)
        except FieldError:
            # An odd battery level is no reason to lose the position beside it.
            return value
    return value


FORMAT = HttpFormat(
    name="osmand",
    path="/v1/osmand",
    decode=decode,
    recognises=lambda message, document: True,
)
