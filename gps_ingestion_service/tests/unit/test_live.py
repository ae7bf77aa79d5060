"""The live feed, over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
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
                    self.last_id = event["id"]
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
        httpx.AsyncClient(base_url=url) as client,
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
    live: tuple[Service, str], db: Connection
) -> None:
    service, url = live
    await send(service, "two", 2)
    await db.execute("UPDATE last_position SET received_at = now() - interval '1 hour'")
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


async def test_what_moves_before_the_first_look_is_told(service: Service) -> None:
    state = service.state
    feed = Feed(state.database, state.metrics, max_clients=5, queue_size=10)
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


async def test_a_stop_ends_the_stream(live: tuple[Service, str]) -> None:
    service, url = live
    await send(service, "one", 1)
    async with opened(url) as stream:
        await stream.next()
        service.state.live.close()
        await stream.ends()


async def test_who_does_not_keep_up_is_let_go(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.02)
    state = service.state
    feed = Feed(state.database, state.metrics, max_clients=5, queue_size=1)
    task = asyncio.create_task(feed.run())
    await service.provision("one", "MH1")
    await send(service, "one", 1)
    events = feed.subscribe(None)
    assert (await anext(events)).position.device_id == "one"

    async def dropped() -> bool:
        await send(service, "one", 2)
        return "gps_live_clients_dropped_total 1.0" in await service.metrics()

    await eventually(dropped, "the subscriber is dropped")
    assert [event async for event in events] == []
    task.cancel()


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


@pytest.mark.parametrize("wrong", ["x", "2026-11-23T10:00:00", "0001-01-01T00:00:00Z"])
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
