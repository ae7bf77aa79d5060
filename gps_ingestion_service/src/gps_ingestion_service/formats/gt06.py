"""GT06 and its successors by Concox and others, over TCP.

Source: Concox's "GPS Tracker Communication Protocol" for GT06, GT06N and CRX. Packets
lie between ``7878`` (or ``7979``, with a longer length) and ``0D0A`` and carry a serial
number that the answer repeats. Times have no zone: they are those of the device's
clock, whose zone an operator knows, else its login says, else it is UTC. Speed is in
km/h, coordinates are in 1/1,800,000 degree.

The documents ask for an answer to logins, heartbeats and alarms only. Positions are
answered too, after they are stored; devices that expect none ignore it. A device cannot
be told that storing failed, so then the connection is closed: it keeps what it cannot
send.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from gps_ingestion_service.fix import ANNOUNCED_OFFSET, Fix, Row
from gps_ingestion_service.formats import fields
from gps_ingestion_service.formats.binary import Cursor, FrameError, crc16_x25
from gps_ingestion_service.formats.fields import FieldError
from gps_ingestion_service.formats.tracker import (
    Context,
    Event,
    Login,
    Notice,
    Packet,
    Report,
    TrackerFormat,
)

_START = {b"\x78\x78": 1, b"\x79\x79": 2}
_STOP = b"\r\n"
_SHORTEST = 5
_STATE_BYTES = 5
_UNITS_PER_DEGREE = 1_800_000

_LOGIN = 0x01
_TIME_REQUEST = 0x8A
_HEARTBEAT = 0x13
# Its content differs between models.
_OTHER_HEARTBEAT = 0x23
# Cell towers, access points, texts and answers to commands: no position by satellite.
_WITHOUT_FIX = frozenset(
    {0x15, 0x17, 0x18, 0x21, 0x28, 0x2C, 0x2E, 0x94, 0x9B, 0xA1, 0xA2}
)
# Alarms where no satellite is seen: a cell tower, then the state of the device.
_CELL_ALARM = 0x19
_CELL_ALARM_4G = 0xA5
_POSITIONS = frozenset({0x10, 0x11, 0x12, 0x1A, 0x22})
_POSITIONS_4G = frozenset({0xA0})
# Position, cell tower behind a length, then the state of the device and what happened.
_ALARMS = frozenset({0x16, 0x26, 0x27})
_ALARMS_4G = frozenset({0xA4})
_WITH_FIX = _POSITIONS | _POSITIONS_4G | _ALARMS | _ALARMS_4G
# Bits 3 to 5 of the state.
_STATE_ALARMS = {1: "vibration", 2: "power_cut", 3: "low_battery", 4: "sos"}
_ALARM_NAMES = {
    0x01: "sos",
    0x02: "power_cut",
    0x03: "vibration",
    0x04: "geofence_enter",
    0x05: "geofence_exit",
    0x06: "overspeed",
    0x09: "displacement",
    0x0E: "low_power",
    0x10: "sim_changed",
    0x11: "power_off",
    0x13: "tampering",
    0x14: "door",
    0x19: "low_battery",
}


def frame_length(data: bytes) -> int | None:
    """Length of the packet at the start, its marks included."""
    width = _START.get(data[:2])
    if width is None:
        if len(data) >= 2 or data[:1] not in (b"", b"\x78", b"\x79"):
            raise FrameError("invalid_frame", "a packet must begin with 7878 or 7979")
        return None
    if len(data) < 2 + width:
        return None
    return 2 + width + int.from_bytes(data[2 : 2 + width]) + len(_STOP)


def decode(frame: bytes, context: Context) -> Packet:
    """One packet.

    Raises:
        FrameError: wrong marks, checksum or form, or a type that is not known.
    """
    width = _START[frame[:2]]
    body = frame[2:-4]
    if frame[-2:] != _STOP or len(body) < width + _SHORTEST - 2:
        raise FrameError(
            "wrong_length", "the packet is too short, or 0D0A does not end it"
        )
    announced = int.from_bytes(frame[-4:-2])
    if crc16_x25(body) != announced:
        raise FrameError(
            "wrong_checksum",
            f"the checksum is {crc16_x25(body):04X}, {announced:04X} is announced",
        )
    kind, content, serial = body[width], body[width + 1 : -2], body[-2:]
    if kind == _LOGIN:
        return _login(content, serial)
    if kind == _HEARTBEAT:
        return Notice(_answer(kind, serial), _status(content))
    if kind == _OTHER_HEARTBEAT:
        return Notice(_answer(kind, serial))
    if kind in (_CELL_ALARM, _CELL_ALARM_4G):
        return Event(
            attributes=_cell_alarm(kind, Cursor(content)), answer=_answer(kind, serial)
        )
    if kind == _TIME_REQUEST:
        return Notice(_answer(kind, serial, _clock(context.received_at)))
    if kind in _WITHOUT_FIX:
        return Notice()
    if kind in _WITH_FIX:
        row = _row(kind, Cursor(content), context.utc_offset)
        reply = _answer(kind, serial)
        return Report(rows=[row], answer=lambda stored: reply if stored else b"")
    raise FrameError(
        "unknown_type",
        f"packets of type {kind:02X} are not known",
        _answer(kind, serial),
    )


def _answer(kind: int, serial: bytes, content: bytes = b"") -> bytes:
    body = bytes([_SHORTEST + len(content), kind]) + content + serial
    return b"\x78\x78" + body + crc16_x25(body).to_bytes(2) + _STOP


def _clock(now: datetime) -> bytes:
    return bytes([now.year % 100, now.month, now.day, now.hour, now.minute, now.second])


def _login(content: bytes, serial: bytes) -> Login:
    cursor = Cursor(content)
    digits = cursor.take(8).hex()[1:]
    if not digits.isdigit():
        raise FrameError("invalid_identifier", "the IMEI must be decimal digits")
    offset = None
    if cursor.left >= 4:
        cursor.take(2)
        offset = _announced_offset(cursor.unsigned(2))
    return Login(device_id=digits, accepted=_answer(_LOGIN, serial), utc_offset=offset)


def _announced_offset(bits: int) -> timedelta:
    """Bits 4 to 15: hours times 100 plus minutes; bit 3: west of Greenwich."""
    hours, minutes = divmod(bits >> 4, 100)
    offset = timedelta(hours=hours, minutes=minutes)
    if offset > timedelta(hours=14) or minutes >= 60:
        return timedelta(0)
    return -offset if bits & 8 else offset


def _row(kind: int, cursor: Cursor, utc_offset: timedelta) -> Row:
    clock = cursor.take(6)
    satellites = cursor.unsigned(1) & 0x0F
    latitude = cursor.unsigned(4) / _UNITS_PER_DEGREE
    longitude = cursor.unsigned(4) / _UNITS_PER_DEGREE
    speed_kmh = cursor.unsigned(1)
    flags = cursor.unsigned(2)
    course = flags & 0x3FF
    attributes: dict[str, Any] = {
        ANNOUNCED_OFFSET: utc_offset // timedelta(minutes=1),
        "satellites": satellites,
    }
    if not flags & 1 << 12:
        attributes["valid"] = False
    _read_rest(kind, cursor, attributes)
    try:
        local = _time(clock)
        return Fix(
            fix_time=local - utc_offset,
            sent_time=local,
            latitude=fields.latitude(latitude if flags & 1 << 10 else -latitude),
            longitude=fields.longitude(-longitude if flags & 1 << 11 else longitude),
            speed=speed_kmh * fields.MPS_PER_KMH,
            course=float(course % 360) if course <= 360 else None,
            attributes=attributes,
        )
    except FieldError as error:
        return error.rejection


def _time(clock: bytes) -> datetime:
    """What the clock of the device shows, read as UTC."""
    year, month, day, hour, minute, second = clock
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise FieldError(
            "invalid_timestamp", "timestamp", f"{clock.hex()} is no date and time"
        ) from None


def _read_rest(kind: int, cursor: Cursor, attributes: dict[str, Any]) -> None:
    """What follows the position; models differ, so what is left is kept as it is."""
    if kind in _ALARMS_4G:
        _read_counted_cell(cursor, attributes, area_bytes=4, cell_bytes=8)
    elif kind in _ALARMS:
        _read_counted_cell(cursor, attributes, area_bytes=2, cell_bytes=3)
        _read_state(cursor, attributes)
    elif kind in _POSITIONS_4G:
        _read_cell(cursor, attributes, area_bytes=4, cell_bytes=8)
        _read_upload(cursor, attributes)
    elif kind != 0x10:
        _read_cell(cursor, attributes, area_bytes=2, cell_bytes=3)
        if kind == 0x22:
            _read_upload(cursor, attributes)
    if cursor.left:
        attributes["rest"] = cursor.take(cursor.left).hex()


def _read_cell(
    cursor: Cursor, attributes: dict[str, Any], area_bytes: int, cell_bytes: int
) -> None:
    if cursor.left < 2:
        return
    country = cursor.unsigned(2)
    # The highest bit of the country says that the network takes two bytes.
    network_bytes = 2 if country & 0x8000 else 1
    if cursor.left < network_bytes + area_bytes + cell_bytes:
        return
    network = cursor.unsigned(network_bytes)
    attributes["operator"] = (country & 0x7FFF) * 100 + network
    attributes["area_code"] = cursor.unsigned(area_bytes)
    attributes["cell_id"] = cursor.unsigned(cell_bytes)


def _read_upload(cursor: Cursor, attributes: dict[str, Any]) -> None:
    """Ignition, what caused the report, and whether it was kept for later."""
    if cursor.left >= 3:
        attributes["ignition"] = bool(cursor.unsigned(1))
        attributes["event"] = cursor.unsigned(1)
        attributes["resent"] = bool(cursor.unsigned(1))


def _read_counted_cell(
    cursor: Cursor, attributes: dict[str, Any], area_bytes: int, cell_bytes: int
) -> None:
    """A cell tower behind a length that counts itself."""
    if not cursor.left:
        return
    length = cursor.unsigned(1)
    if 1 <= length <= cursor.left + 1:
        cell = Cursor(cursor.take(length - 1))
        _read_cell(cell, attributes, area_bytes, cell_bytes)


def _status(content: bytes) -> dict[str, Any]:
    """What a heartbeat says of the device; older models say less."""
    status: dict[str, Any] = {}
    if len(content) >= _STATE_BYTES:
        _read_state(Cursor(content), status)
    elif content:
        _read_switches(content[0], status)
    return status


def _cell_alarm(kind: int, cursor: Cursor) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if kind == _CELL_ALARM_4G:
        _read_cell(cursor, attributes, area_bytes=4, cell_bytes=8)
    else:
        _read_cell(cursor, attributes, area_bytes=2, cell_bytes=3)
    _read_state(cursor, attributes)
    if cursor.left:
        attributes["rest"] = cursor.take(cursor.left).hex()
    attributes.setdefault("alarm", "unspecified")
    return attributes


def _read_switches(state: int, attributes: dict[str, Any]) -> None:
    attributes["ignition"] = bool(state & 1 << 1)
    attributes["charging"] = bool(state & 1 << 2)
    attributes["fuel_cut"] = bool(state & 1 << 7)


def _read_state(cursor: Cursor, attributes: dict[str, Any]) -> None:
    """State of the device, then what happened and the language of its messages."""
    if cursor.left < _STATE_BYTES:
        return
    state = cursor.unsigned(1)
    _read_switches(state, attributes)
    attributes["voltage_level"] = cursor.unsigned(1)
    attributes["gsm_level"] = cursor.unsigned(1)
    alarm = cursor.unsigned(1)
    cursor.take(1)
    name = _ALARM_NAMES.get(alarm) or _STATE_ALARMS.get(state >> 3 & 7)
    if name is not None or alarm:
        attributes["alarm"] = name or f"{alarm:02x}"


FORMAT = TrackerFormat(
    name="gt06",
    max_frame_bytes=4096,
    max_login_bytes=64,
    frame_length=frame_length,
    decode=decode,
    can_refuse=False,
)
