"""Teltonika trackers: Codec 8, 8 Extended and 16, over TCP and UDP.

Source: Teltonika's wiki, pages "Teltonika Data Sending Protocols" (frames, checksum,
answers) and "AVL ID" lists of the FMB family (names and units of the IO elements).
A record's time is in milliseconds UTC, its speed in km/h, its coordinates in 1e-7
degrees. The answer is the number of records taken; at any other number the device
sends the frame again, so every frame is checked strictly.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from gps_ingestion_service.fix import Fix, Row
from gps_ingestion_service.formats import fields
from gps_ingestion_service.formats.binary import Cursor, FrameError, crc16_ibm
from gps_ingestion_service.formats.fields import FieldError
from gps_ingestion_service.formats.tracker import (
    Context,
    Login,
    Notice,
    Packet,
    Report,
    TrackerFormat,
)

_KEEP_ALIVE = 0xFF
_PREAMBLE = bytes(4)
_HEADER_BYTES = 8
_CHECKSUM_BYTES = 4
_NOTHING_STORED = bytes(4)
_IMEI_DIGITS = range(14, 18)
_UDP_MARK = 0x01
# Answers of a device to commands: this service sends none, so they mean nothing here.
_COMMAND_CODECS = frozenset({0x0C, 0x0D, 0x0E})
# No truck is faster: more stands for "unknown".
_MAX_SPEED_KMH = 3600


class _Codec(msgspec.Struct, frozen=True):
    """Widths in bytes of what differs between the codecs."""

    id_bytes: int
    count_bytes: int
    has_generation: bool = False
    has_variable: bool = False


_CODECS = {
    0x08: _Codec(1, 1),
    0x8E: _Codec(2, 2, has_variable=True),
    0x10: _Codec(2, 1, has_generation=True),
}

_SWITCHES = {
    1: "input_1",
    2: "input_2",
    3: "input_3",
    4: "input_4",
    179: "output_1",
    180: "output_2",
    239: "ignition",
    240: "motion",
    251: "idling",
    252: "unplugged",
}
# Name in the service's units, and the factor from the device's.
_QUANTITIES: dict[int, tuple[str, float]] = {
    9: ("analog_1_v", 0.001),
    12: ("fuel_used_l", 0.001),
    16: ("odometer_m", 1),
    21: ("gsm_level", 1),
    66: ("power_v", 0.001),
    67: ("battery_v", 0.001),
    68: ("battery_a", 0.001),
    69: ("gnss_status", 1),
    80: ("data_mode", 1),
    113: ("battery_level", 0.01),
    181: ("pdop", 0.1),
    182: ("hdop", 0.1),
    199: ("trip_odometer_m", 1),
    200: ("sleep_mode", 1),
    205: ("cell_id", 1),
    206: ("area_code", 1),
    241: ("operator", 1),
}


def frame_length(data: bytes) -> int | None:
    """Length of the frame at the start: keep-alive, login, or records."""
    if data[:1] == bytes([_KEEP_ALIVE]):
        return 1
    if len(data) < 2:
        return None
    digits = int.from_bytes(data[:2])
    if digits:
        if digits not in _IMEI_DIGITS:
            raise FrameError("invalid_frame", "neither a login nor four zero bytes")
        return 2 + digits
    if len(data) < _HEADER_BYTES:
        return None
    if data[:4] != _PREAMBLE:
        raise FrameError("invalid_frame", "a frame must begin with four zero bytes")
    return _HEADER_BYTES + int.from_bytes(data[4:8]) + _CHECKSUM_BYTES


def decode(frame: bytes, _context: Context) -> Packet:
    """One frame of a TCP stream.

    Raises:
        FrameError: with the answer 0 for a frame of records, so that it is sent again.
    """
    if frame[0] == _KEEP_ALIVE:
        return Notice()
    if frame[:2] != _PREAMBLE[:2]:
        return Login(device_id=_imei(frame[2:]), accepted=b"\x01", refused=b"\x00")
    body = frame[_HEADER_BYTES:-_CHECKSUM_BYTES]
    announced = int.from_bytes(frame[-_CHECKSUM_BYTES:])
    try:
        if crc16_ibm(body) != announced:
            raise FrameError(
                "wrong_checksum",
                f"the checksum is {crc16_ibm(body):04X}, {announced:04X} is announced",
            )
        rows = _records(body)
    except FrameError as error:
        raise FrameError(error.code, error.message, _NOTHING_STORED) from None
    if rows is None:
        return Notice()
    return Report(rows=rows, answer=lambda stored: stored.to_bytes(4))


def decode_datagram(data: bytes, _context: Context) -> Packet:
    """One datagram: a header with ids and the IMEI, then the records, no checksum."""
    cursor = Cursor(data)
    length = cursor.unsigned(2)
    if length != cursor.left:
        raise FrameError(
            "wrong_length", f"{length} bytes are announced, {cursor.left} follow"
        )
    packet_id = cursor.take(2)
    if cursor.unsigned(1) != _UDP_MARK:
        raise FrameError("invalid_frame", "the fifth byte must be 01")
    avl_id = cursor.take(1)
    device_id = _imei(cursor.take(cursor.unsigned(2)))
    rows = _records(cursor.take(cursor.left))
    head = b"\x00\x05" + packet_id + bytes([_UDP_MARK]) + avl_id
    if rows is None:
        return Notice(head + b"\x00")
    return Report(
        rows=rows,
        answer=lambda stored: head + stored.to_bytes(1),
        device_id=device_id,
    )


def _imei(digits: bytes) -> str:
    if len(digits) not in _IMEI_DIGITS or not digits.isdigit():
        raise FrameError("invalid_identifier", "the IMEI must be 14 to 17 digits")
    return digits.decode("ascii")


def _records(body: bytes) -> list[Row] | None:
    """The records of a frame, or None for the answer to a command."""
    cursor = Cursor(body)
    number = cursor.unsigned(1)
    if number in _COMMAND_CODECS:
        return None
    codec = _CODECS.get(number)
    if codec is None:
        raise FrameError("unknown_codec", f"codec {number:02X} is not known")
    count = cursor.unsigned(1)
    rows = [_record(cursor, codec) for _ in range(count)]
    again = cursor.unsigned(1)
    if again != count:
        raise FrameError(
            "wrong_count", f"{count} records are announced first, {again} at the end"
        )
    if cursor.left:
        raise FrameError("wrong_length", f"{cursor.left} bytes follow the last record")
    return rows


def _record(cursor: Cursor, codec: _Codec) -> Row:
    milliseconds = cursor.unsigned(8)
    priority = cursor.unsigned(1)
    longitude = cursor.signed(4) / 1e7
    latitude = cursor.signed(4) / 1e7
    altitude = cursor.signed(2)
    course = cursor.unsigned(2)
    satellites = cursor.unsigned(1)
    speed_kmh = cursor.unsigned(2)
    attributes: dict[str, Any] = {"priority": priority, "satellites": satellites}
    if satellites == 0:
        # The place is where the receiver last had a lock, or 0, 0.
        attributes["valid"] = False
    _read_elements(cursor, codec, attributes)
    try:
        return Fix(
            fix_time=fields.epoch_ms(milliseconds),
            latitude=fields.latitude(latitude),
            longitude=fields.longitude(longitude),
            altitude=float(altitude),
            course=float(course % 360) if course <= 360 else None,
            speed=(
                speed_kmh * fields.MPS_PER_KMH if speed_kmh <= _MAX_SPEED_KMH else None
            ),
            attributes=fields.attributes(attributes),
        )
    except FieldError as error:
        return error.rejection


def _read_elements(cursor: Cursor, codec: _Codec, attributes: dict[str, Any]) -> None:
    """The IO elements: what caused the record, then values in groups by their width."""
    event = cursor.unsigned(codec.id_bytes)
    if event:
        attributes["event"] = event
    if codec.has_generation:
        attributes["generation"] = cursor.unsigned(1)
    # The total says nothing new: the groups have counts of their own.
    cursor.take(codec.count_bytes)
    for width in (1, 2, 4, 8):
        _read_group(cursor, codec, attributes, partial(_value, width))
    if codec.has_variable:
        _read_group(cursor, codec, attributes, _variable)


def _read_group(
    cursor: Cursor,
    codec: _Codec,
    attributes: dict[str, Any],
    read: Callable[[Cursor], int | str],
) -> None:
    for _ in range(cursor.unsigned(codec.count_bytes)):
        element = cursor.unsigned(codec.id_bytes)
        name, value = _meaning(element, read(cursor))
        attributes[name] = value


def _value(width: int, cursor: Cursor) -> int:
    return cursor.unsigned(width)


def _variable(cursor: Cursor) -> str:
    return cursor.take(cursor.unsigned(2)).hex()


def _meaning(element: int, value: int | str) -> tuple[str, bool | int | float | str]:
    if isinstance(value, int):
        if element in _SWITCHES:
            return _SWITCHES[element], bool(value)
        if element in _QUANTITIES:
            name, factor = _QUANTITIES[element]
            return name, value if factor == 1 else round(value * factor, 3)
    return f"io{element}", value


def _is_datagram(data: bytes) -> bool:
    return data[4:5] == bytes([_UDP_MARK]) and int.from_bytes(data[:2]) == len(data) - 2


FORMAT = TrackerFormat(
    name="teltonika",
    max_frame_bytes=65_536,
    max_login_bytes=2 + _IMEI_DIGITS[-1],
    frame_length=frame_length,
    decode=decode,
    decode_datagram=decode_datagram,
    is_datagram=_is_datagram,
)
