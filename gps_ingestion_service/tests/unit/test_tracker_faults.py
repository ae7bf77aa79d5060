"""Trackers on real sockets during faults, with a durable PostgreSQL and the service in
its own process: what was acknowledged is stored, and stored once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import randrange

import asyncpg
import httpx
from support.postgres import PostgresServer
from support.service import ServiceProcess, eventually, provision
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

    def __init__(self, process: ServiceProcess) -> None:
        settings = process.settings
        assert settings.teltonika_port is not None and settings.gt06_port is not None
        self._teltonika = settings.teltonika_port
        self._gt06 = settings.gt06_port
        self._process = process
        self._start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
        self._stop = False
        fleet = randrange(10**13)
        self.imeis = [f"{fleet:013d}{number:02d}" for number in range(SENDERS + 1)]
        self.acknowledged: set[Key] = set()
        self.refused = 0
        self.broken = 0

    async def provision(self) -> None:
        async with httpx.AsyncClient(base_url=self._process.url) as client:
            for number, imei in enumerate(self.imeis):
                await provision(client, imei, f"MH{number}")

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


async def stored(fleet: Fleet, process: ServiceProcess) -> list[Key]:
    connection = await asyncpg.connect(process.settings.database_url.get_secret_value())
    records = await connection.fetch(
        "SELECT device_id, fix_time FROM fix JOIN device ON device.id = fix.device "
        "WHERE device_id = ANY($1)",
        fleet.imeis,
    )
    await connection.close()
    return [(record[0], int(record[1].timestamp())) for record in records]


async def assert_nothing_lost(fleet: Fleet, process: ServiceProcess) -> None:
    rows = await stored(fleet, process)
    assert len(rows) == len(set(rows)), "a fix is stored twice"
    lost = fleet.acknowledged - set(rows)
    assert not lost, f"{len(lost)} acknowledged fixes are lost"
    assert {imei for imei, _ in fleet.acknowledged} == set(fleet.imeis)


async def test_postgresql_crashes_and_the_service_is_killed_while_trackers_send(
    durable: PostgresServer, process: ServiceProcess
) -> None:
    fleet = Fleet(process)
    await fleet.provision()
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
    process.kill()
    await process.start()
    await fleet.reaches(before + 600)
    fleet.stop()
    await task
    assert fleet.broken > broken
    await assert_nothing_lost(fleet, process)


async def test_sigterm_answers_the_frames_in_hand(process: ServiceProcess) -> None:
    fleet = Fleet(process)
    await fleet.provision()
    task = asyncio.create_task(fleet.run())
    await fleet.reaches(300)
    status = await process.terminate()
    fleet.stop()
    await task
    assert status == 0
    # A tracker whose answer was cut off would have stored more than it knows of.
    assert set(await stored(fleet, process)) == fleet.acknowledged
