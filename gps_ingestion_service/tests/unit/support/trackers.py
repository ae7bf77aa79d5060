"""What trackers send, written from the protocol documents and not from the decoders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

IMEI = "356307042441013"


def crc16(data: bytes, polynomial: int, start: int, end: int) -> int:
    """A reflected CRC-16, bit by bit."""
    crc = start
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
    return crc ^ end


@dataclass(frozen=True)
class Record:
    """One AVL record in the device's own units."""

    time_ms: int
    latitude: int = 185_204_000
    longitude: int = 738_567_000
    altitude: int = 560
    course: int = 121
    satellites: int = 9
    speed_kmh: int = 54
    priority: int = 0
    event: int = 0
    elements: dict[int, bytes] = field(default_factory=dict)


def recent(seconds_ago: float = 0, **values: Any) -> Record:
    """A record of that age, to the second."""
    time = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds_ago)
    return Record(time_ms=int(time.timestamp() * 1000), **values)


def records(codec: int, items: Sequence[Record], again: int | None = None) -> bytes:
    """Codec to second count: what a frame and a datagram have in common."""
    body = b"".join(_record(codec, item) for item in items)
    second = len(items) if again is None else again
    return bytes([codec, len(items)]) + body + bytes([second])


def _record(codec: int, item: Record) -> bytes:
    ids = 1 if codec == 0x08 else 2
    counts = 2 if codec == 0x8E else 1
    gps = (
        item.time_ms.to_bytes(8)
        + bytes([item.priority])
        + item.longitude.to_bytes(4, signed=True)
        + item.latitude.to_bytes(4, signed=True)
        + item.altitude.to_bytes(2, signed=True)
        + item.course.to_bytes(2)
        + bytes([item.satellites])
        + item.speed_kmh.to_bytes(2)
    )
    head = item.event.to_bytes(ids) + (b"\x05" if codec == 0x10 else b"")
    groups = b""
    for width in (1, 2, 4, 8):
        group = {k: v for k, v in item.elements.items() if len(v) == width}
        groups += len(group).to_bytes(counts)
        groups += b"".join(k.to_bytes(ids) + v for k, v in group.items())
    if codec == 0x8E:
        rest = {k: v for k, v in item.elements.items() if len(v) not in (1, 2, 4, 8)}
        groups += len(rest).to_bytes(counts) + b"".join(
            k.to_bytes(ids) + len(v).to_bytes(2) + v for k, v in rest.items()
        )
    return gps + head + len(item.elements).to_bytes(counts) + groups


def login(imei: str = IMEI) -> bytes:
    """What a Teltonika device says first."""
    return len(imei).to_bytes(2) + imei.encode()


def framed(body: bytes, checksum: int | None = None) -> bytes:
    """A TCP frame around codec to second count."""
    crc = crc16(body, 0xA001, 0, 0) if checksum is None else checksum
    return bytes(4) + len(body).to_bytes(4) + body + crc.to_bytes(4)


def frame(*items: Record, codec: int = 0x08) -> bytes:
    """A TCP frame of records."""
    return framed(records(codec, items))


def datagram(*items: Record, imei: str = IMEI, packet: int = 0xCAFE) -> bytes:
    """A UDP packet of Codec 8 records, AVL packet id 5."""
    rest = packet.to_bytes(2) + b"\x01\x05" + login(imei) + records(0x08, items)
    return len(rest).to_bytes(2) + rest


def gt06(kind: int, content: bytes, serial: int = 1, *, long: bool = False) -> bytes:
    """A GT06 packet."""
    length = len(content) + 5
    body = length.to_bytes(2 if long else 1) + bytes([kind]) + content
    body += serial.to_bytes(2)
    crc = crc16(body, 0x8408, 0xFFFF, 0xFFFF)
    return (b"\x79\x79" if long else b"\x78\x78") + body + crc.to_bytes(2) + b"\r\n"


def gt06_login(imei: str = IMEI, serial: int = 1, extra: bytes = b"") -> bytes:
    """A GT06 login; ``extra`` is the model and the zone that newer ones add."""
    return gt06(0x01, bytes.fromhex("0" + imei) + extra, serial)


def gt06_position(
    time: datetime,
    latitude: float = 18.5204,
    longitude: float = 73.8567,
    speed_kmh: int = 54,
    course: int = 121,
    *,
    located: bool = True,
) -> bytes:
    """The position that location and alarm packets begin with."""
    flags = course | located << 12 | (latitude >= 0) << 10 | (longitude < 0) << 11
    return (
        bytes([time.year % 100, *time.timetuple()[1:6], 0xC9])
        + round(abs(latitude) * 1_800_000).to_bytes(4)
        + round(abs(longitude) * 1_800_000).to_bytes(4)
        + bytes([speed_kmh])
        + flags.to_bytes(2)
    )


GT06_CELL = bytes.fromhex("01CC00287D001FB8")
GT06_CELL_4G = bytes.fromhex("81CC0001" "0000260E" "000000000615F801")
