"""The live feed, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from support.postgres import free_port
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    http_client,
    in_process,
    over_http,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.live import feed as module
from gps_ingestion_service.live.feed import Feed

PATIENCE_S = 60


class Stream:
    """What a browser's EventSource sees."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self) -> dict[str, Any]:
        event: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                event[name] = value
                if not line and "data" in event:
                    self.last_id = event.get("id", self.last_id)
                    assert event["event"] == "position"
                    position: dict[str, Any] = json.loads(event["data"])
                    return position
        raise AssertionError("the stream has ended")

    async def until(self, latitude: float) -> dict[str, Any]:
        while (position := await self.next())["latitude"] != latitude:
            pass
        return position

    async def ends(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def opened(url: str, last_event_id: str = "") -> AsyncIterator[Stream]:
    headers = ADMIN | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    async with (
        http_client(url) as client,
        client.stream("GET", "/v1/positions/live", headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


@pytest.fixture
async def live(
    migrated_url: str, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Service, str]]:
    """A service on a port, its devices one and two provisioned."""
    monkeypatch.setattr(module, "POLL_S", 0.02)
    async with over_http(settings_for(migrated_url)) as (service, url):
        await service.state.registry.load()
        await service.provision("one", "MH1")
        await service.provision("two", "MH2")
        yield service, url
        service.state.live.close()


async def send(service: Service, device: str, latitude: float) -> None:
    answer = await service.post([row(device_id=device, latitude=latitude)], GATEWAY)
    assert answer.json()["accepted"] == 1


async def test_every_position_comes_first_and_then_each_that_moves(
    live: tuple[Service, str],
) -> None:
    service, url = live
    await send(service, "one", 1)
    await send(service, "two", 2)
    async with opened(url) as stream:
        first = [await stream.next(), await stream.next()]
        assert {item["vehicle_identifier"] for item in first} == {"MH1", "MH2"}
        await send(service, "one", 3)
        assert (await stream.until(3))["device_id"] == "one"
        await send(service, "two", 4)
        assert (await stream.until(4))["device_id"] == "two"


async def test_what_moved_during_a_break_comes_after_it_and_the_rest_does_not(
    live: tuple[Service, str],
) -> None:
    service, url = live
    await send(service, "two", 2)
    async with opened(url) as stream:
        await stream.until(2)
    await send(service, "one", 1)
    async with opened(url, stream.last_id) as stream:
        assert (await stream.next())["device_id"] == "one"
        await send(service, "one", 5)
        assert (await stream.until(5))["device_id"] == "one"


async def test_a_fix_that_comes_late_moves_nothing(live: tuple[Service, str]) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url) as stream:
        await stream.until(1)
        late = row(3600, device_id="one", latitude=9)
        await service.post([late], GATEWAY)
        await send(service, "two", 2)
        while (latitude := (await stream.next())["latitude"]) != 2:
            assert latitude != 9


async def move_unseen(db: Connection, device: str, latitude: float) -> None:
    """What the service does in one transaction, which the caller has yet to commit; the
    fix was received an hour ago by a replica's clock."""
    await db.execute(
        """
        INSERT INTO last_position AS last (
            device, fix_time, received_at, latitude, longitude
        )
        SELECT id, now(), now() - interval '1 hour', $2, 0 FROM device
        WHERE device_id = $1
        ON CONFLICT (device) DO UPDATE SET
            fix_time = excluded.fix_time, received_at = excluded.received_at,
            latitude = excluded.latitude, moved_in = excluded.moved_in
        """,
        device,
        latitude,
    )


async def test_a_commit_that_took_long_is_told_when_it_can_be_seen(
    live: tuple[Service, str], db: Connection
) -> None:
    service, url = live
    await send(service, "two", 2)
    async with opened(url) as stream:
        await stream.until(2)
        async with db.transaction():
            await move_unseen(db, "one", 1)
            # Later ones are told meanwhile.
            await send(service, "two", 3)
            await stream.until(3)
        assert (await stream.until(1))["device_id"] == "one"


async def test_a_commit_that_took_long_is_told_to_who_resumes_after_a_later_one(
    live: tuple[Service, str], db: Connection
) -> None:
    service, url = live
    await send(service, "two", 2)
    async with db.transaction():
        await move_unseen(db, "one", 1)
        async with opened(url) as stream:
            await stream.until(2)
            await send(service, "two", 3)
            await stream.until(3)
    async with opened(url, stream.last_id) as stream:
        assert (await stream.until(1))["device_id"] == "one"


async def test_who_leaves_before_all_is_told_hears_the_rest_later(
    service: Service,
) -> None:
    await service.provision("one", "MH1")
    await service.provision("two", "MH2")
    await send(service, "one", 1)
    await send(service, "two", 2)
    async with aclosing(service.state.live.subscribe(None)) as events:
        assert (await anext(events)).id is None
        assert (await anext(events)).id is not None


async def test_an_id_of_another_database_is_told_every_position(
    live: tuple[Service, str],
) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url, str(2**62)) as stream:
        await stream.until(1)
        assert int(stream.last_id) < 2**62


async def test_an_id_of_an_earlier_release_is_told_every_position(
    live: tuple[Service, str],
) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url, "2026-11-23T10:00:00.123456+00:00") as stream:
        await stream.until(1)


@asynccontextmanager
async def running(service: Service, patience_s: float = 60) -> AsyncIterator[Feed]:
    """A feed of the test's own."""
    state = service.state
    feed = Feed(state.database, state.metrics, max_clients=5, patience_s=patience_s)
    task = asyncio.create_task(feed.run())
    yield feed
    task.cancel()


async def test_what_moves_before_the_first_look_is_told(service: Service) -> None:
    state = service.state
    feed = Feed(state.database, state.metrics, max_clients=5, patience_s=60)
    await service.provision("one", "MH1")
    await service.provision("two", "MH2")
    await send(service, "one", 1)
    async with aclosing(feed.subscribe(None)) as events:
        assert (await anext(events)).position.device_id == "one"
        await send(service, "two", 2)
        task = asyncio.create_task(feed.run())
        async with asyncio.timeout(PATIENCE_S):
            while (await anext(events)).position.device_id != "two":
                pass
        task.cancel()


async def test_the_first_map_of_a_large_fleet_gets_all_that_moves(
    service: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)
    fleet = 12_000
    await db.execute(
        """
        INSERT INTO device (device_id, vehicle_identifier, enabled, version)
        SELECT i, i, true, 1 FROM generate_series(1, $1) AS i
        """,
        fleet,
    )
    await db.execute("""
        INSERT INTO last_position (device, fix_time, received_at, latitude, longitude)
        SELECT id, now(), now(), 1, 2 FROM device
        """)
    async with running(service) as feed, aclosing(feed.subscribe(None)) as events:
        for _ in range(fleet):
            await anext(events)
        await db.execute(
            "UPDATE last_position SET fix_time = now(), moved_in = pg_current_xact_id()"
        )
        async with asyncio.timeout(PATIENCE_S):
            moved = {(await anext(events)).position.device_id for _ in range(fleet)}
    assert len(moved) == fleet
    assert "gps_live_clients_dropped_total 0.0" in await service.metrics()


async def test_who_is_slow_is_told_the_newest_of_each_vehicle_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)
    await service.provision("one", "MH1")
    await service.provision("two", "MH2")
    await send(service, "one", 1)
    async with running(service) as feed, aclosing(feed.subscribe(None)) as slow:
        await anext(slow)
        async with aclosing(feed.subscribe(None)) as quick:
            for latitude in (2, 3, 4):
                await send(service, "one", latitude)
                async with asyncio.timeout(PATIENCE_S):
                    while (await anext(quick)).position.fix.latitude != latitude:
                        pass
        await send(service, "two", 5)
        async with asyncio.timeout(PATIENCE_S):
            told = [(await anext(slow)).position.fix.latitude]
            while told[-1] != 5:
                told.append((await anext(slow)).position.fix.latitude)
    assert told == [4, 5]


async def test_a_stop_ends_the_stream(live: tuple[Service, str]) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url) as stream:
        await stream.next()
        service.state.live.close()
        await stream.ends()


async def test_who_takes_nothing_is_let_go(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)
    await service.provision("one", "MH1")
    await send(service, "one", 1)
    async with running(service, patience_s=0) as feed:
        events = feed.subscribe(None)
        assert (await anext(events)).position.device_id == "one"

        async def dropped() -> bool:
            page = await service.metrics()
            return "gps_live_clients_dropped_total 1.0" in page

        await eventually(dropped, "the subscriber is dropped")
        assert [event async for event in events] == []


async def test_the_feed_waits_for_a_database_that_is_away(
    live: tuple[Service, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url) as stream:
        await stream.next()
        asked = asyncio.Event()

        async def fail(*_: object) -> None:
            asked.set()
            raise OSError("away")

        with monkeypatch.context() as patch:
            patch.setattr("gps_ingestion_service.live.repository.moved", fail)
            await asked.wait()
            await send(service, "one", 2)
        assert (await stream.until(2))["device_id"] == "one"


@pytest.mark.parametrize("wrong", ["x", "-1", "0", "9" * 20, "1.5"])
async def test_an_id_that_no_event_had_is_422(service: Service, wrong: str) -> None:
    headers = ADMIN | {"Last-Event-ID": wrong}
    response = await service.client.get("/v1/positions/live", headers=headers)
    assert response.status_code == 422


async def test_one_map_too_many_is_503(migrated_url: str, db: Connection) -> None:
    settings = settings_for(migrated_url, live_max_clients=0)
    async with over_http(settings) as (service, _):
        response = await service.client.get("/v1/positions/live", headers=ADMIN)
    assert response.status_code == 503
    assert response.headers["retry-after"]


async def test_a_map_is_503_while_the_database_is_away() -> None:
    nowhere = f"postgresql://gps@127.0.0.1:{free_port()}/gps"
    async with in_process(settings_for(nowhere)) as service:
        response = await service.client.get("/v1/positions/live", headers=ADMIN)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "storage_unavailable"
