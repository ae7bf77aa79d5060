"""Frames of Teltonika trackers, from their wiki page "Data Sending Protocols"."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence

from devtools.bench.load import Wire
from devtools.errors import DevtoolsError

RECORDS = 10
_CODEC_8 = 8
_ANSWER_BYTES = 4
_ADMITTED = b"\x01"
# Time in ms, priority, degrees east and north times 10^7, m, degrees, satellites, km/h,
# then no event and no element of any size.
_RECORD = struct.Struct(">QBiihHBH6B")


def imei(number: int) -> str:
    """Fifteen digits that no other number has."""
    return f"{356_300_000_000_000 + number}"


def _crc_table() -> list[int]:
    """CRC-16/ARC of each byte."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC = _crc_table()


def frame(times_s: Sequence[int]) -> bytes:
    """One frame of Codec 8 with a record for each Unix time, all of one place."""
    records = b"".join(
        _RECORD.pack(
            *(moment * 1000, 0, 738_500_000, 185_200_000, 560, 120, 9, 54),
            *(0, 0, 0, 0, 0, 0),
        )
        for moment in times_s
    )
    body = bytes([_CODEC_8, len(times_s)]) + records + bytes([len(times_s)])
    return bytes(4) + len(body).to_bytes(4) + body + crc16(body).to_bytes(4)


def crc16(data: bytes) -> int:
    """CRC-16/ARC."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def login(first: int) -> Callable[[socket.socket, int], None]:
    """What a tracker says first; its IMEI is that of ``first`` plus its number.

    :raises DevtoolsError: it was not let in.
    """

    def greeting(connection: socket.socket, number: int) -> None:
        name = imei(first + number).encode()
        connection.sendall(len(name).to_bytes(2) + name)
        answer = connection.recv(1)
        if answer != _ADMITTED:
            raise DevtoolsError(f"a tracker was not let in: {answer!r}")

    return greeting


def _stored(answer: bytes) -> int:
    count = int.from_bytes(answer)
    if count != RECORDS:
        raise DevtoolsError(f"{count} of {RECORDS} records of a frame were stored")
    return count


#: The number of records that are stored, in four bytes.
WIRE = Wire(lambda received: _ANSWER_BYTES * (len(received) >= _ANSWER_BYTES), _stored)
