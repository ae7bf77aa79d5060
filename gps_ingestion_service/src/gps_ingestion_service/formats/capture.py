"""Decoding what somebody captured: a frame in hexadecimal, or a message as text."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from gps_ingestion_service.fix import Fix, Row
from gps_ingestion_service.formats import HTTP_FORMATS, TRACKER_FORMATS
from gps_ingestion_service.formats.base import DecodeError, Message
from gps_ingestion_service.formats.tracker import Context, Login, Report, packets

PROTOCOLS = sorted({*HTTP_FORMATS, *TRACKER_FORMATS})

_MAX_ROWS = 100_000
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}\s*)+")


def rows_of(
    protocol: str, text: str, now: datetime, utc_offset: timedelta | None
) -> Iterator[Row]:
    """The rows of a captured message.

    Args:
        protocol: one of :data:`PROTOCOLS`.
        text: hexadecimal; for a format over HTTP also the query string, URL or body.
        utc_offset: of the device's clock, for times without a zone; None: as a login
            among the frames says, else UTC.

    Raises:
        DecodeError: the message must be refused. Rows before it were given out.
    """
    for row in _rows(protocol, text, now):
        yield row.in_zone(utc_offset) if isinstance(row, Fix) else row


def _rows(protocol: str, text: str, now: datetime) -> Iterator[Row]:
    if protocol in TRACKER_FORMATS:
        return _tracker_rows(protocol, _bytes(text), now)
    if _HEX.fullmatch(text.strip()):
        text = _bytes(text).decode("utf-8", "surrogateescape")
    message = _message(text)
    return iter(HTTP_FORMATS[protocol].decode(message, now, _MAX_ROWS).rows)


def _tracker_rows(protocol: str, data: bytes, now: datetime) -> Iterator[Row]:
    context = Context(received_at=now)
    device_id = None
    for packet in packets(TRACKER_FORMATS[protocol], data, context):
        if isinstance(packet, Login):
            device_id = packet.device_id
        elif isinstance(packet, Report):
            for row in packet.rows:
                yield named(row, packet.device_id or device_id)


def named(row: Row, device_id: str | None) -> Row:
    """The row, of this device where it names none itself."""
    if isinstance(row, Fix) and row.device_id is None and device_id is not None:
        return msgspec.structs.replace(row, device_id=device_id)
    return row


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DecodeError(
            "invalid_hex", "the frame must be given as hexadecimal digits"
        ) from None


def _message(text: str) -> Message:
    text = text.strip()
    # What is neither JSON nor parameters is no message, and its format shall say so.
    if text[:1] in ("{", "[") or "=" not in text:
        body = text.encode("utf-8", "surrogateescape")
        return Message(body=body, content_type="application/json")
    return Message(query=text.partition("?")[2] or text)
