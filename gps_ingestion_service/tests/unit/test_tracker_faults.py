"""Trackers on real sockets during faults, with a durable PostgreSQL and the service in
its own process: what was acknowledged is stored, and stored once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from support.postgres import PostgresServer, free_port
from support.service import ServiceProcess, eventually, provision, settings_for
from support.sockets import Link, linked
from support.trackers import (
    Record,
    frame,
    gt06,
    gt06_login,
    gt06_position,
    login,
)

Send = Callable[[str, int], Awaitable[int]]
RECORDS = 10
SENDERS = 5
RETRY_S = 0.2
Key = tuple[str, int]


class Fleet:
    """Teltonika devices and one GT06 that keep what is not acknowledged."""

    def __init__(self, teltonika: int, gt06_port: int) -> None:
        self._teltonika = teltonika
        self._gt06 = gt06_port
        self._start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
        self._stop = False
        self.imeis = [f"35630704244{number:04d}" for number in range(SENDERS + 1)]
        self.acknowledged: set[Key] = set()
        self.refused = 0
        self.broken = 0

    async def run(self) -> None:
        *teltonika, concox = self.imeis
        async with asyncio.TaskGroup() as group:
            for imei in teltonika:
                group.create_task(self._keep_sending(imei, self._send_frames))
            group.create_task(self._keep_sending(concox, self._send_positions))

    def stop(self) -> None:
        self._stop = True

    async def reaches(self, acknowledged: int) -> None:
        async def reached() -> bool:
            return len(self.acknowledged) >= acknowledged

        await eventually(reached, f"{acknowledged} fixes are acknowledged")

    async def _keep_sending(self, imei: str, send: Send) -> None:
        sent = 0
        while not self._stop:
            try:
                sent = await send(imei, sent)
            except OSError:
                self.broken += 1
            await asyncio.sleep(RETRY_S)

    async def _send_frames(self, imei: str, sent: int) -> int:
        async with linked(self._teltonika) as link:
            if await link.ask(login(imei), 1) != b"\x01":
                return sent
            while not self._stop:
                times = [self._time(sent + number) for number in range(RECORDS)]
                items = [Record(int(time.timestamp() * 1000)) for time in times]
                answer = await link.ask(frame(*items))
                if answer == bytes(4):
                    self.refused += 1
                    await asyncio.sleep(RETRY_S)
                elif answer == RECORDS.to_bytes(4):
                    self._acknowledge(imei, times)
                    sent += RECORDS
                else:
                    assert answer == b"", answer
                    self.broken += 1
                    return sent
        return sent

    async def _send_positions(self, imei: str, sent: int) -> int:
        async with linked(self._gt06) as link:
            if not await link.ask(gt06_login(imei), 10):
                return sent
            while not self._stop and await self._is_stored(link, sent):
                self._acknowledge(imei, [self._time(sent)])
                sent += 1
        return sent

    async def _is_stored(self, link: Link, number: int) -> bool:
        serial = number % 65536
        packet = gt06(0x12, gt06_position(self._time(number)), serial)
        return await link.ask(packet, 10) == gt06(0x12, b"", serial)

    def _time(self, number: int) -> datetime:
        return self._start + timedelta(seconds=number)

    def _acknowledge(self, imei: str, times: list[datetime]) -> None:
        self.acknowledged.update((imei, int(time.timestamp())) for time in times)


class Process:
    """The service in its own process, with ports for trackers."""

    def __init__(self, url: str, log: Path) -> None:
        self.teltonika, self.gt06 = free_port(), free_port()
        settings = settings_for(url, teltonika_port=self.teltonika, gt06_port=self.gt06)
        self.service = ServiceProcess(settings, free_port(), log)

    async def start(self) -> Fleet:
        await self.service.start()
        fleet = Fleet(self.teltonika, self.gt06)
        async with httpx.AsyncClient(base_url=self.service.url) as client:
            for number, imei in enumerate(fleet.imeis):
                await provision(client, imei, f"MH{number}")
        return fleet


@pytest.fixture
async def running(url: str, tmp_path: Path) -> AsyncIterator[Process]:
    """A service that is ended when the test is over."""
    process = Process(url, tmp_path / "service.log")
    yield process
    process.service.end()


async def stored(url: str) -> list[Key]:
    connection = await asyncpg.connect(url)
    records = await connection.fetch(
        "SELECT device_id, fix_time FROM fix JOIN device ON device.id = fix.device"
    )
    await connection.close()
    return [(record[0], int(record[1].timestamp())) for record in records]


async def assert_nothing_lost(fleet: Fleet, url: str) -> None:
    rows = await stored(url)
    assert len(rows) == len(set(rows)), "a fix is stored twice"
    lost = fleet.acknowledged - set(rows)
    assert not lost, f"{len(lost)} acknowledged fixes are lost"
    assert {imei for imei, _ in fleet.acknowledged} == set(fleet.imeis)


async def test_postgresql_crashes_and_the_service_is_killed_while_trackers_send(
    durable: PostgresServer, url: str, running: Process
) -> None:
    fleet = await running.start()
    task = asyncio.create_task(fleet.run())
    await fleet.reaches(300)
    await asyncio.to_thread(durable.stop, "immediate")
    refused = fleet.refused

    async def refusing() -> bool:
        return fleet.refused >= refused + SENDERS

    await eventually(refusing, "zero records are counted")
    before = len(fleet.acknowledged)
    await asyncio.to_thread(durable.start)
    await fleet.reaches(before + 300)
    broken = fleet.broken
    running.service.kill()
    await running.service.start()
    await fleet.reaches(before + 600)
    fleet.stop()
    await task
    assert fleet.broken > broken
    await assert_nothing_lost(fleet, url)


async def test_sigterm_answers_the_frames_in_hand(url: str, running: Process) -> None:
    fleet = await running.start()
    task = asyncio.create_task(fleet.run())
    await fleet.reaches(300)
    status = await running.service.terminate()
    fleet.stop()
    await task
    assert status == 0
    # A tracker whose answer was cut off would have stored more than it knows of.
    assert set(await stored(url)) == fleet.acknowledged
