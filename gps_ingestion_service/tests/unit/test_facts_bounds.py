"""The evaluation of facts goes on: however much there is to read, whoever fails."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from support.driving import at
from support.service import ADMIN, Service, settings_for
from test_facts_store import STOP, Store

from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.facts import repository
from gps_ingestion_service.facts.evaluate import Turn
from gps_ingestion_service.facts.repository import Fixes

LONG = [at(60 * minute, 900 * (minute // 30)) for minute in range(300)]


@pytest.fixture
async def store(migrated_url: str, db: Connection) -> AsyncIterator[Store]:
    """Nothing is stored, and nobody evaluates by himself."""
    database = Database(settings_for(migrated_url))
    await database.open()
    yield Store(database, db)
    await database.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many fixes each query has read so far."""
    counts: list[int] = []
    whole = repository.fixes

    async def counted(
        connection: Connection, turns: Sequence[Turn], limit: int
    ) -> dict[int, Fixes]:
        found = await whole(connection, turns, limit)
        counts.append(sum(len(part.samples) for part in found.values()))
        return found

    monkeypatch.setattr(repository, "fixes", counted)
    return counts


def told(facts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(fact["started_at"], fact["ended_at"]) for fact in facts]


async def test_a_long_backlog_is_read_in_parts_and_gives_the_same_facts(
    store: Store, read: list[int]
) -> None:
    first, second = await store.device("MH1"), await store.device("MH2")
    await store.store(first, LONG)
    await store.worker().work()
    whole = told(await store.facts())
    assert len(whole) == 10 and max(read) == 300
    read.clear()
    await store.db.execute("DELETE FROM fact")
    await store.store(second, LONG)
    await store.worker(fixes_a_pass=40).work()
    assert told(await store.facts()) == whole
    assert max(read) <= 40
    assert await store.db.fetchval("SELECT count(*) FROM fact_due") == 0


async def test_one_note_that_stands_for_days_is_read_in_parts(
    store: Store, read: list[int]
) -> None:
    """What setting a trip and a late fix leave: one note, and days to read."""
    device = await store.device()
    await store.store(device, LONG)
    await store.worker().work()
    before = told(await store.facts())
    read.clear()
    # Two minutes beside the route: no checkpoint is as it was until the next stop.
    await store.store(device, [at(30, 400)])
    await store.db.execute("UPDATE fact_due SET to_time = $1", LONG[-1].time)
    await store.worker(fixes_a_pass=40).work()
    assert sum(read) >= len(LONG)
    assert max(read) <= 40
    assert len(told(await store.facts())) == len(before)


async def test_facts_that_are_switched_on_again_catch_up_in_parts(
    store: Store, read: list[int]
) -> None:
    device = await store.device()
    await store.store(device, LONG[:10])
    await store.worker().work()
    await store.store(device, LONG[10:-1])
    await store.db.execute("DELETE FROM fact_due")
    await store.store(device, LONG[-1:])
    read.clear()
    await store.worker(fixes_a_pass=40).work()
    assert len(await store.facts()) == 10
    assert (max(read) <= 40, sum(read)) == (True, 290)


async def parked(db: Connection) -> list[dict[str, Any]]:
    return [dict(record) for record in await db.fetch("SELECT * FROM fact_parked")]


async def spoil(store: Store, device: int) -> None:
    """From now on the device cannot be evaluated."""
    await store.store(device, STOP[:1])
    await store.worker().work()
    await store.db.execute(
        "UPDATE fact_state SET state = 'not JSON' WHERE device = $1", device
    )


async def mend(store: Store) -> None:
    await store.db.execute("UPDATE fact_state SET state = '{}'")
    await store.db.execute("UPDATE fact_parked SET retry_at = now()")


async def test_a_mistake_with_one_device_does_not_keep_the_others_waiting(
    store: Store,
) -> None:
    first, second = await store.device("MH1"), await store.device("MH2")
    await spoil(store, first)
    await store.store(first, STOP[1:])
    await store.store(second, STOP)
    await store.worker().work()
    (stop,) = await store.facts()
    assert stop["vehicle_identifier"] == "MH2"
    (waiting,) = await parked(store.db)
    assert (waiting["device"], waiting["failures"]) == (first, 1)
    assert waiting["from_time"] == STOP[1].time
    assert store.metrics.registry.get_sample_value("gps_facts_failed_total") == 1


async def test_a_device_that_is_set_aside_is_not_read_until_it_is_tried_again(
    store: Store, read: list[int]
) -> None:
    device = await store.device()
    await spoil(store, device)
    await store.store(device, STOP[1:2])
    await store.worker().work()
    read.clear()
    await store.store(device, STOP[2:])
    await store.worker().work()
    assert not read
    await store.db.execute("UPDATE fact_parked SET retry_at = now()")
    await store.worker().work()
    (waiting,) = await parked(store.db)
    assert waiting["failures"] == 2
    await mend(store)
    await store.worker().work()
    assert not await parked(store.db)
    assert len(await store.facts()) == 1


async def test_a_device_whose_fixes_the_database_cannot_read_is_found_and_set_aside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await store.device("MH0")
    whole = repository.fixes

    async def times_out(
        connection: Connection, turns: Sequence[Turn], limit: int
    ) -> dict[int, Fixes]:
        if bad in {turn.window.known.device for turn in turns}:
            raise asyncpg.QueryCanceledError("canceling statement due to timeout")
        return await whole(connection, turns, limit)

    monkeypatch.setattr(repository, "fixes", times_out)
    await store.store(bad, STOP)
    for number in range(1, 4):
        await store.store(await store.device(f"MH{number}"), STOP)
    worker = store.worker()
    for _ in range(6):
        await worker.work()
    stops = await store.facts()
    assert {stop["vehicle_identifier"] for stop in stops} == {"MH1", "MH2", "MH3"}
    (waiting,) = await parked(store.db)
    assert waiting["device"] == bad
    assert "canceling statement" in waiting["reason"]


async def test_who_is_set_aside_is_listed_and_can_be_tried_again(
    service: Service, store: Store
) -> None:
    names = ("one", "two")
    for name in names:
        await service.provision(name)
        device = await store.db.fetchval(
            "SELECT id FROM device WHERE device_id = $1", name
        )
        await spoil(store, device)
        await store.store(device, STOP[1:])
    await store.worker().work()
    url = "/v1/facts/parked"
    page = await service.client.get(url, params={"limit": 1}, headers=ADMIN)
    (first,) = page.json()["parked"]
    assert first["device_id"] == page.json()["next"] == "one"
    assert "JSON" in first["reason"]
    page = await service.client.get(url, params={"cursor": "one"}, headers=ADMIN)
    assert [item["device_id"] for item in page.json()["parked"]] == ["two"]
    assert 'gps_facts_parked{what="device"} 2.0' in await service.metrics()
    await store.db.execute("UPDATE fact_state SET state = '{}'")
    answer = await service.client.post(f"{url}/one/retry", headers=ADMIN)
    assert answer.json() == {"device_id": "one"}
    await store.worker().work()
    assert len(await parked(store.db)) == 1
    answer = await service.client.post(f"{url}/one/retry", headers=ADMIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_parked")
