"""Fixes become the bytes of trackers, over a connection that survives trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simulator.cli import main
from simulator.drive import DriveOptions, drive
from simulator.fleet import FleetError, parse_fleet
from simulator.frames import (
    LOGIN_ACCEPTED,
    FrameFormat,
    answer_bytes,
    encode_frames,
    is_stored,
    login,
)
from simulator.sockets import SocketTransport
from simulator.tests.conftest import row
from simulator.tracker import Fix
from simulator.wire import Answered, Frames, Refused, Reply, Request, TryLater, encode

IMEI = "356307042441013"
FIX = Fix(
    device_id=IMEI,
    timestamp=1_780_000_000,
    latitude=18.52,
    longitude=73.85,
    speed_ms=15.0,
    course_deg=120.5,
    accuracy_m=4.5,
    attributes={
        "ignition": True,
        "motion": True,
        "odometer_m": 5,
        "power_v": 27.9,
        "satellites": 9,
    },
)


def test_a_teltonika_frame_holds_one_record_per_fix() -> None:
    data = encode_frames("teltonika", [FIX])
    assert data[:4] == bytes(4)
    assert int.from_bytes(data[4:8]) == len(data) - 12
    record = data[10:-5]
    assert record[:8] == (1_780_000_000_000).to_bytes(8)
    assert int.from_bytes(record[9:13]) == 738_500_000
    assert int.from_bytes(record[13:17]) == 185_200_000
    assert record[19:24] == bytes.fromhex("0078090036")
    assert record[26:31] == bytes.fromhex("02EF01F001")
    assert bytes.fromhex("42") + (27_900).to_bytes(2) in record
    assert data[8:10] == b"\x08\x01" and data[-5] == 1


def test_the_logins_are_those_of_the_documents() -> None:
    assert login("teltonika", IMEI) == b"\x00\x0f" + IMEI.encode()
    example = "78780D01012345678901234500018CDD0D0A"
    assert login("gt06", "123456789012345") == bytes.fromhex(example)


def test_a_gt06_packet_holds_one_fix_in_utc() -> None:
    data = encode_frames("gt06", [FIX, FIX])
    assert data[:4] == bytes.fromhex("78782222")
    assert data[4:10] == bytes([26, 5, 28, 20, 26, 40])
    assert int.from_bytes(data[11:15]) == 33_336_000
    assert data[19] == 54
    assert int.from_bytes(data[20:22]) == 0x1400 | 120
    assert len(data) == 2 * 39


@pytest.mark.parametrize("frame_format", ["teltonika", "gt06"])
def test_only_the_whole_answer_says_that_everything_is_stored(
    frame_format: FrameFormat,
) -> None:
    whole = answer(frame_format, 2)
    assert len(whole) == answer_bytes(frame_format, 2)
    assert is_stored(frame_format, 2, whole)
    assert not is_stored(frame_format, 2, bytes(len(whole)))
    assert not is_stored(frame_format, 3, whole)


def answer(frame_format: FrameFormat, count: int) -> bytes:
    if frame_format == "teltonika":
        return count.to_bytes(4)
    return b"".join(encode_answer(serial) for serial in range(1, count + 1))


@dataclass
class Port:
    """A service that lets ``imeis`` in and counts records; faults come first."""

    frame_format: FrameFormat = "teltonika"
    imeis: set[str] = field(default_factory=lambda: {IMEI})
    faults: list[bytes] = field(default_factory=list)
    logins: int = 0
    records: int = 0
    served: set[asyncio.Task[Any] | None] = field(default_factory=set)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.served.add(asyncio.current_task())
        try:
            await self._converse(reader, writer)
        except EOFError:
            return
        finally:
            writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.logins += 1
        said = await reader.readexactly(len(login(self.frame_format, IMEI)))
        if all(login(self.frame_format, imei) != said for imei in self.imeis):
            writer.write(b"\x00" if self.frame_format == "teltonika" else b"")
            return
        writer.write(LOGIN_ACCEPTED[self.frame_format])
        while True:
            count, reply = await self._take(reader)
            if self.faults:
                reply = self.faults.pop(0)
            else:
                self.records += count
            if not reply:
                return
            writer.write(reply)

    async def _take(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        if self.frame_format == "gt06":
            data = await reader.readexactly(39)
            # The answer to a packet repeats its type and serial number.
            return 1, encode_answer(int.from_bytes(data[-6:-4]))
        head = await reader.readexactly(8)
        body = await reader.readexactly(int.from_bytes(head[4:]) + 4)
        return body[1], body[1].to_bytes(4)


def encode_answer(serial: int) -> bytes:
    crc = 0xFFFF
    body = bytes([5, 0x22]) + serial.to_bytes(2)
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return b"\x78\x78" + body + (crc ^ 0xFFFF).to_bytes(2) + b"\r\n"


def against(port: Port, work: Callable[[int], Any]) -> Any:
    async def scene() -> Any:
        server = await asyncio.start_server(port.serve, "127.0.0.1", 0)
        try:
            return await work(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await asyncio.gather(*filter(None, port.served))

    return asyncio.run(scene())


def send(port: Port, *counts: int) -> list[Reply]:
    async def work(number: int) -> list[Reply]:
        transport = SocketTransport("127.0.0.1", number, port.frame_format, IMEI)
        replies = []
        for count in counts:
            frames = encode(port.frame_format, "", [FIX] * count)
            replies.append(await transport(port.frame_format, frames, count))
        transport.close()
        return replies

    replies: list[Reply] = against(port, work)
    return replies


@pytest.mark.parametrize("frame_format", ["teltonika", "gt06"])
def test_one_connection_carries_everything(frame_format: FrameFormat) -> None:
    port = Port(frame_format)
    replies = send(port, 1, 2, 2)
    assert [len(item.verdicts) for item in replies if isinstance(item, Answered)] == [
        1,
        2,
        2,
    ]
    assert (port.logins, port.records) == (1, 5)


def test_zero_records_and_a_lost_connection_mean_later() -> None:
    port = Port(faults=[bytes(4), b""])
    replies = send(port, 2, 2, 2)
    assert [type(item) for item in replies] == [TryLater, TryLater, Answered]
    assert (port.logins, port.records) == (3, 2)


def test_a_refused_login_asks_for_a_human() -> None:
    (reply,) = send(Port(imeis=set()), 1)
    assert reply == Refused(404, f"the login of {IMEI} is refused")


def test_silence_at_login_means_later() -> None:
    (reply,) = send(Port("gt06", imeis=set()), 1)
    assert isinstance(reply, TryLater)


def test_nobody_at_the_port_means_later() -> None:
    async def work() -> Reply:
        transport = SocketTransport("127.0.0.1", 1, "teltonika", IMEI)
        return await transport("teltonika", Frames(b"x"), 1)

    assert isinstance(asyncio.run(work()), TryLater)


def test_http_does_not_go_over_a_trackers_connection() -> None:
    transport = SocketTransport("127.0.0.1", 1, "teltonika", IMEI)
    request = Request("GET", "/", (), (), None)
    with pytest.raises(TypeError, match="osmand"):
        asyncio.run(transport("osmand", request, 1))


def vehicle(**changes: Any) -> dict[str, Any]:
    return row(0, device_id=IMEI, format="teltonika", token=None, **changes)


def test_a_tracker_drives_without_a_token_and_its_ledger_is_what_it_was_told(
    tmp_path: Path,
) -> None:
    port = Port()
    vehicles = parse_fleet({"vehicles": [vehicle()]})

    async def work(number: int) -> dict[str, object]:
        options = DriveOptions(
            vehicles,
            "http://127.0.0.1:1",
            1_790_000_000,
            duration_s=600.0,
            ledger=tmp_path / "ledger",
            tracker_ports={"teltonika": number},
        )
        return await drive(options, lambda event, **fields: None)

    summary = against(port, work)
    lines = (tmp_path / "ledger").read_text().splitlines()
    assert summary["recorded"] == summary["accepted"] == len(lines) > 50
    assert port.records >= len(lines)


def test_a_tracker_needs_a_port_and_an_imei(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps({"vehicles": [vehicle()]}))
    drive_it = ["drive", "--fleet", str(path), "--url", "http://127.0.0.1:1"]
    assert main(drive_it) == 2
    assert "--teltonika-port" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*drive_it, "--teltonika-port", "70000"])
    with pytest.raises(FleetError, match=r"device_id: .*\{15\}"):
        parse_fleet({"vehicles": [row(0, format="gt06")]})
