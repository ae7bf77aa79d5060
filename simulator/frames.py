"""Binary tracker formats: fixes to frames, and what an answer says about them.

Pure functions. Teltonika: Codec 8 over TCP, from Teltonika's wiki page "Data Sending
Protocols". GT06: login and location packets, from Concox's protocol document.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, get_args

from simulator.tracker import Fix

FrameFormat = Literal["teltonika", "gt06"]
FRAME_FORMATS: tuple[FrameFormat, ...] = get_args(FrameFormat)

LOGIN_ACCEPTED = {"teltonika": b"\x01", "gt06": b"\x78\x78\x05\x01\x00\x01\xd9\xdc\r\n"}
"""The whole answer to a login that lets the device in."""

_KMH_PER_MS = 3.6
_GT06_ANSWER_BYTES = 10
_GT06_LOCATION = 0x22
# A location packet ends with a cell tower, ignition, cause and whether it was kept.
_GT06_CELL = bytes.fromhex("01942801F4000A21")


def login(frame_format: FrameFormat, imei: str) -> bytes:
    """What a device says first; ``imei`` is 15 digits."""
    if frame_format == "teltonika":
        return len(imei).to_bytes(2) + imei.encode("ascii")
    return _gt06_packet(0x01, bytes.fromhex("0" + imei), serial=1)


def encode_frames(frame_format: FrameFormat, fixes: Sequence[Fix]) -> bytes:
    """The bytes that carry ``fixes`` of one device."""
    if frame_format == "teltonika":
        return _teltonika_frame(fixes)
    return b"".join(
        _gt06_packet(_GT06_LOCATION, _gt06_location(fix), serial)
        for serial, fix in enumerate(fixes, start=1)
    )


def answer_bytes(frame_format: FrameFormat, count: int) -> int:
    """Length of the answer to ``count`` fixes."""
    return 4 if frame_format == "teltonika" else _GT06_ANSWER_BYTES * count


def is_stored(frame_format: FrameFormat, count: int, answer: bytes) -> bool:
    """Whether the answer says that all ``count`` fixes are durably stored."""
    if frame_format == "teltonika":
        return answer == count.to_bytes(4)
    return answer == b"".join(
        _gt06_packet(_GT06_LOCATION, b"", serial) for serial in range(1, count + 1)
    )


def _crc16(data: bytes, polynomial: int, crc: int) -> int:
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
    return crc


def _teltonika_frame(fixes: Sequence[Fix]) -> bytes:
    records = b"".join(map(_avl_record, fixes))
    body = bytes([0x08, len(fixes)]) + records + bytes([len(fixes)])
    checksum = _crc16(body, 0xA001, 0)
    return bytes(4) + len(body).to_bytes(4) + body + checksum.to_bytes(4)


def _avl_record(fix: Fix) -> bytes:
    attributes = fix.attributes
    small = ((239, attributes.get("ignition")), (240, attributes.get("motion")))
    bits = [bytes([key, bool(value)]) for key, value in small if value is not None]
    power = round(float(attributes.get("power_v", 0)) * 1000)
    odometer = int(attributes.get("odometer_m", 0))
    groups = bytes([len(bits)]) + b"".join(bits)
    groups += b"\x01" + bytes([66]) + power.to_bytes(2)
    groups += b"\x01" + bytes([16]) + odometer.to_bytes(4) + b"\x00"
    return (
        (fix.timestamp * 1000).to_bytes(8)
        + b"\x00"
        + round(fix.longitude * 1e7).to_bytes(4, signed=True)
        + round(fix.latitude * 1e7).to_bytes(4, signed=True)
        + bytes(2)
        + round(fix.course_deg or 0).to_bytes(2)
        + bytes([int(attributes.get("satellites", 8))])
        + round(fix.speed_ms * _KMH_PER_MS).to_bytes(2)
        + bytes([0, len(bits) + 2])
        + groups
    )


def _gt06_location(fix: Fix) -> bytes:
    moment = datetime.fromtimestamp(fix.timestamp, UTC)
    located, north, west = 1 << 12, 1 << 10, 1 << 11
    flags = round(fix.course_deg or 0) | located
    flags |= (north if fix.latitude >= 0 else 0) | (west if fix.longitude < 0 else 0)
    return (
        bytes([moment.year % 100, *moment.timetuple()[1:6]])
        + bytes([0xC0 | min(int(fix.attributes.get("satellites", 8)), 15)])
        + round(abs(fix.latitude) * 1_800_000).to_bytes(4)
        + round(abs(fix.longitude) * 1_800_000).to_bytes(4)
        + bytes([min(round(fix.speed_ms * _KMH_PER_MS), 255)])
        + flags.to_bytes(2)
        + _GT06_CELL
        + bytes([bool(fix.attributes.get("ignition")), 0, 0])
    )


def _gt06_packet(kind: int, content: bytes, serial: int) -> bytes:
    body = bytes([len(content) + 5, kind]) + content + serial.to_bytes(2)
    checksum = _crc16(body, 0x8408, 0xFFFF) ^ 0xFFFF
    return b"\x78\x78" + body + checksum.to_bytes(2) + b"\r\n"
