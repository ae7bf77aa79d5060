"""Faults during load, with a durable PostgreSQL and the service in its own process.

Each test counts: every fix that was acknowledged is stored, and stored once.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from support.odoo import SECRET, FakeOdoo, serving
from support.postgres import PostgresServer, free_port
from support.service import (
    GATEWAY,
    ServiceProcess,
    eventually,
    provision,
    settings_for,
)

BATCH = 20
SENDERS = 6
# Trackers that knock all the time would keep a small machine from starting anything.
RETRY_S = 0.2


class Load:
    """Devices that send batches and keep what is not acknowledged, as devices do."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._start = datetime.now(UTC) - timedelta(hours=12)
        self._stop = False
        self.fleet = uuid4().hex
        self.acknowledged: set[tuple[str, str]] = set()
        self.accepted = 0
        self.refused = 0
        self.broken = 0

    async def provision(self) -> None:
        async with httpx.AsyncClient(base_url=self._base_url) as client:
            for number in range(SENDERS):
                await provision(client, self._device(number), f"MH{number}")

    async def run(self) -> None:
        async with (
            httpx.AsyncClient(base_url=self._base_url) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in range(SENDERS):
                group.create_task(self._send(client, self._device(number)))

    def stop(self) -> None:
        self._stop = True

    async def reaches(self, acknowledged: int) -> None:
        async def reached() -> bool:
            return len(self.acknowledged) >= acknowledged

        await eventually(reached, f"{acknowledged} fixes are acknowledged")

    def _device(self, number: int) -> str:
        return f"{self.fleet}-{number}"

    async def _send(self, client: httpx.AsyncClient, device_id: str) -> None:
        batch = 0
        while not self._stop:
            rows = self._rows(device_id, batch)
            try:
                response = await client.post(
                    "/v1/positions", json=rows, headers=GATEWAY
                )
            except httpx.TransportError:
                self.broken += 1
                await asyncio.sleep(RETRY_S)
                continue
            if response.status_code == 503:
                assert response.headers["retry-after"]
                self.refused += 1
                await asyncio.sleep(RETRY_S)
                continue
            batch += self._record(rows, response)

    def _record(self, rows: list[dict[str, Any]], response: httpx.Response) -> int:
        assert response.status_code == 200, response.text
        body = response.json()
        assert body["rejected"] == 0, body
        self.accepted += body["accepted"]
        self.acknowledged.update((row["device_id"], row["timestamp"]) for row in rows)
        return 1

    def _rows(self, device_id: str, batch: int) -> list[dict[str, Any]]:
        return [
            {
                "device_id": device_id,
                "latitude": 18.5,
                "longitude": 73.8,
                "timestamp": (
                    self._start + timedelta(seconds=batch * BATCH + number)
                ).isoformat(),
            }
            for number in range(BATCH)
        ]


async def stored(load: Load, url: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    records = await connection.fetch(
        "SELECT device_id, fix_time FROM fix JOIN device ON device.id = fix.device "
        "WHERE starts_with(device_id, $1)",
        load.fleet,
    )
    await connection.close()
    return [(record[0], record[1].isoformat()) for record in records]


def url_of(process: ServiceProcess) -> str:
    return process.settings.database_url.get_secret_value()


async def assert_nothing_lost(load: Load, url: str) -> None:
    rows = await stored(load, url)
    assert len(rows) == len(set(rows)), "a fix is stored twice"
    lost = load.acknowledged - set(rows)
    assert not lost, f"{len(lost)} acknowledged fixes are lost"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_postgresql_stops_during_load_and_comes_back(
    durable: PostgresServer, process: ServiceProcess, mode: str
) -> None:
    load = Load(process.url)
    await load.provision()
    task = asyncio.create_task(load.run())
    await load.reaches(600)
    await asyncio.to_thread(durable.stop, mode)
    refused = load.refused

    async def refusing() -> bool:
        return load.refused >= refused + SENDERS

    await eventually(refusing, "the senders are told to keep their data")
    before = len(load.acknowledged)
    await asyncio.to_thread(durable.start)
    await load.reaches(before + 600)
    load.stop()
    await task
    await process.wait_ready()
    await assert_nothing_lost(load, url_of(process))


async def test_the_service_is_killed_during_load(process: ServiceProcess) -> None:
    load = Load(process.url)
    await load.provision()
    task = asyncio.create_task(load.run())
    await load.reaches(400)
    process.kill()
    await process.start()
    await load.reaches(1200)
    load.stop()
    await task
    assert load.broken > 0
    await assert_nothing_lost(load, url_of(process))


async def test_sigterm_answers_what_was_taken_and_ends_cleanly(
    process: ServiceProcess,
) -> None:
    load = Load(process.url)
    await load.provision()
    task = asyncio.create_task(load.run())
    await load.reaches(600)
    status = await process.terminate()
    load.stop()
    await task
    assert status == 0
    assert '"event": "stopped"' in process.log.read_text()
    # A sender whose answer was cut off would have stored more than it knows of.
    assert set(await stored(load, url_of(process))) == load.acknowledged


async def test_the_service_is_killed_while_it_pushes_and_odoo_catches_up(
    url: str, tmp_path: Path
) -> None:
    odoo = FakeOdoo()
    odoo.vehicles.update(f"MH{number}" for number in range(SENDERS))
    async with serving(odoo):
        settings = settings_for(url, odoo_url=odoo.url, odoo_hmac_secret=SECRET)
        service = ServiceProcess(settings, free_port(), tmp_path / "service.log")
        try:
            await service.start()
            load = Load(service.url)
            await load.provision()
            async with odoo.held():
                task = asyncio.create_task(load.run())
                await load.reaches(300)
                await odoo.wait_until_asked()
                load.stop()
                await task
                service.kill()
            await service.start()
            newest = await last_times(url)

            async def caught_up() -> bool:
                times = {
                    name: datetime.fromisoformat(position["fix_time"])
                    for name, position in odoo.positions.items()
                }
                return times == newest

            await eventually(caught_up, "Odoo has the newest position of each vehicle")
        finally:
            service.end()


async def last_times(url: str) -> dict[str, datetime]:
    connection = await asyncpg.connect(url)
    records = await connection.fetch(
        "SELECT device.vehicle_identifier, max(fix_time) "
        "FROM fix JOIN device ON device.id = fix.device GROUP BY 1"
    )
    await connection.close()
    return {record[0]: record[1] for record in records}
