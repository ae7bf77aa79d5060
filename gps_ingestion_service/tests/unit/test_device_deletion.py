"""A device that is not wanted any more goes with everything that was stored of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.facts import repository as facts
from gps_ingestion_service.facts.model import Rules
from gps_ingestion_service.facts.worker import FactWorker
from gps_ingestion_service.observability.metrics import Metrics

# Of what a table keeps of devices, by the key that it has for them.
TABLES = ("device", "fix", "last_position", "fact_state", "fact_checkpoint", "fact")


async def put(
    service: Service, device_id: str, version: int, *, enabled: bool
) -> httpx.Response:
    spec = {"vehicle_identifier": "MH1", "version": version, "enabled": enabled}
    path = f"/v1/devices/{device_id}"
    return await service.client.put(path, json=spec, headers=ADMIN)


async def delete(service: Service, device_id: str) -> httpx.Response:
    return await service.client.delete(f"/v1/devices/{device_id}", headers=ADMIN)


async def counts(db: Connection) -> dict[str, int]:
    return {
        table: await db.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES
    }


async def test_an_enabled_device_stays(service: Service, db: Connection) -> None:
    token = await service.provision("one")
    await service.post([row()], token)
    response = await delete(service, "one")
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "device_enabled"
    assert (await service.post([row()], token)).status_code == 200


async def test_what_is_not_there_is_404(service: Service) -> None:
    response = await delete(service, "nobody")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_device"


async def test_a_disabled_device_goes_with_its_fixes(
    service: Service, db: Connection
) -> None:
    await put(service, "one", 1, enabled=True)
    await put(service, "other", 1, enabled=True)
    # Of several days, and so of several partitions and statements.
    ages = (0, 3_600, 86_400 * 2, 86_400 * 5)
    for name in ("one", "other"):
        await service.post([row(age, device_id=name) for age in ages], GATEWAY)
    await put(service, "one", 2, enabled=False)

    assert (await delete(service, "one")).status_code == 204

    assert (await delete(service, "one")).status_code == 404
    listed = (await service.client.get("/v1/devices", headers=ADMIN)).json()
    assert [item["device_id"] for item in listed["devices"]] == ["other"]
    path = "/v1/devices/{}/positions"
    gone = await service.client.get(path.format("one"), headers=ADMIN)
    assert gone.status_code == 404
    left = await service.client.get(path.format("other"), headers=ADMIN)
    assert len(left.json()["positions"]) == len(ages)
    found = await counts(db)
    assert (found["device"], found["fix"], found["last_position"]) == (1, 4, 1)


async def test_odoo_is_not_told_of_it_any_more(
    service: Service, db: Connection
) -> None:
    await put(service, "one", 1, enabled=True)
    await service.post([row(device_id="one")], GATEWAY)
    assert await db.fetchval("SELECT count(*) FROM outbox") == 1
    await put(service, "one", 2, enabled=False)
    await delete(service, "one")
    assert await db.fetchval("SELECT count(*) FROM outbox") == 0


async def test_the_same_id_is_a_new_device_afterwards(
    service: Service, db: Connection
) -> None:
    old = await service.provision("one", enabled=False)
    await delete(service, "one")
    assert (await put(service, "one", 1, enabled=True)).status_code == 201
    assert (await service.post([row()], old)).status_code == 401
    page = await service.client.get("/v1/devices/one/positions", headers=ADMIN)
    assert page.json()["positions"] == []


async def test_what_is_in_quarantine_stays_there(service: Service) -> None:
    token = await service.provision("one")
    await service.post([row(latitude=95)], token)
    await put(service, "one", 2, enabled=False)
    await delete(service, "one")
    params = {"device_id": "one"}
    kept = await service.client.get("/v1/quarantine", params=params, headers=ADMIN)
    assert len(kept.json()["messages"]) == 1


async def test_every_replica_forgets_it(
    migrated_url: str, service: Service, db: Connection
) -> None:
    async with in_process(settings_for(migrated_url)) as second:

        async def knows(expected: bool) -> bool:
            return (second.state.registry.device("one") is not None) is expected

        async def listening() -> bool:
            return (await second.client.get("/readyz")).status_code == 200

        await eventually(listening, "the second replica is ready")
        token = await service.provision("one", enabled=False)
        await eventually(lambda: knows(True), "the second replica knows the device")
        await delete(service, "one")
        await eventually(lambda: knows(False), "the second replica forgot the device")
        assert (await second.post([row()], token)).status_code == 401
        assert second.state.registry.devices_of_vehicle("MH12AB1234") == []


@pytest.fixture
async def worker(migrated_url: str, db: Connection) -> AsyncIterator[FactWorker]:
    """Evaluates facts when it is told to."""
    database = Database(settings_for(migrated_url))
    await database.open()
    yield FactWorker(database, Metrics(), Rules(), 1, timedelta(days=7))
    await database.close()


async def note(db: Connection, device: int) -> None:
    """A note that facts of a device are due, as a commit of fixes leaves it."""
    now = datetime.now(UTC)
    await db.execute(
        "INSERT INTO fact_due (device, from_time, to_time) VALUES ($1, $2, $2)",
        device,
        now,
    )


async def key_of(db: Connection, device_id: str) -> int:
    key: int = await db.fetchval(
        "SELECT id FROM device WHERE device_id = $1", device_id
    )
    return key


async def test_its_facts_go_as_well(
    service: Service, db: Connection, worker: FactWorker
) -> None:
    await put(service, "one", 1, enabled=True)
    # An hour at one place is a stop.
    rows = [row(age, device_id="one") for age in range(3_600, 0, -60)]
    await service.post(rows, GATEWAY)
    await db.execute(
        "INSERT INTO fact_due (device, from_time, to_time) "
        "SELECT device, min(fix_time), max(fix_time) FROM fix GROUP BY device"
    )
    await worker.work()
    found = await counts(db)
    assert found["fact_state"] == 1 and found["fact"] > 0
    await note(db, await key_of(db, "one"))
    await put(service, "one", 2, enabled=False)
    await delete(service, "one")
    assert await counts(db) == dict.fromkeys(TABLES, 0)
    assert await db.fetchval("SELECT count(*) FROM fact_due") == 0


async def test_a_note_of_a_device_that_is_gone_holds_up_no_other(
    service: Service, db: Connection, worker: FactWorker
) -> None:
    for name in ("gone", "here"):
        await put(service, name, 1, enabled=name == "here")
    gone, here = await key_of(db, "gone"), await key_of(db, "here")
    await service.post([row(device_id="here")], GATEWAY)
    await delete(service, "gone")
    await note(db, gone)
    await note(db, here)
    await worker.work()
    assert await db.fetchval("SELECT count(*) FROM fact_due") == 0
    assert await db.fetchval("SELECT array_agg(device) FROM fact_state") == [here]


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
async def test_a_pass_over_its_facts_is_waited_for(
    service: Service, db: Connection, known: bool
) -> None:
    """Both want the same rows: whoever came first ends first, and neither fails."""
    await put(service, "one", 1, enabled=False)
    device = await key_of(db, "one")
    await note(db, device)
    if known:
        await db.execute("INSERT INTO fact_state (device) VALUES ($1)", device)
    async with db.transaction():
        assert [due.device for due in await facts.claim(db, 9, 9)] == [device]
        deleting = asyncio.create_task(delete(service, "one"))

        async def waits() -> bool:
            return bool(
                await db.fetchval("SELECT true FROM pg_locks WHERE NOT granted")
            )

        await eventually(waits, "the deletion waits for the pass")
        assert [state.device for state in await facts.lock(db, [device])] == [device]
    assert (await deleting).status_code == 204
    assert await db.fetchval("SELECT count(*) FROM fact_state") == 0
