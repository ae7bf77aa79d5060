"""The outbox to Odoo: signed, coalesced, and emptied only by Odoo's answer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from starlette.responses import JSONResponse, Response
from support.odoo import SECRET, FakeOdoo, error, serving
from support.postgres import free_port
from support.service import (
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.push.signing import signature
from gps_ingestion_service.settings import Settings


async def outbox(db: Connection) -> list[str]:
    records = await db.fetch("SELECT vehicle_identifier FROM outbox ORDER BY 1")
    return [record["vehicle_identifier"] for record in records]


async def wait_empty(db: Connection) -> None:
    async def empty() -> bool:
        return not await outbox(db)

    await eventually(empty, "the outbox is empty")


async def send(service: Service, device_id: str, **values: float) -> None:
    response = await service.post([row(0, device_id=device_id, **values)], GATEWAY)
    assert response.json()["accepted"] == 1


@pytest.fixture
async def waiting(service: Service) -> AsyncIterator[Service]:
    """A service that pushes nowhere, with a fix of vehicle MH1 in its outbox."""
    await service.provision("one", "MH1")
    await send(service, "one", latitude=1, speed=15, course=120, accuracy=8)
    yield service


def test_the_signature_is_the_documented_one() -> None:
    # Computed with: printf '1780000000.{}' | openssl dgst -sha256 -hmac key
    assert signature("key", 1780000000, b"{}") == (
        "v1=91c687852de220478a081e66b99a949d" "bf2f672c4122086cb089001817d29992"
    )


async def test_a_position_arrives_in_the_agreed_form(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.add("MH1")
    await pushing.provision("one", "MH1")
    fix = row(device_id="one", speed=15, course=120, accuracy=8, altitude=560)
    await pushing.post([fix], GATEWAY)
    await odoo.wait_for("MH1", 18.5204)
    position = dict(odoo.positions["MH1"])
    assert position.pop("received_at").endswith("Z")
    assert position == {
        "vehicle_identifier": "MH1",
        "device_id": "one",
        "fix_time": fix["timestamp"].replace("+00:00", "Z"),
        "latitude": 18.5204,
        "longitude": 73.8567,
        "speed_kmh": 54.0,
        "course": 120.0,
        "accuracy_m": 8.0,
        "altitude_m": 560.0,
    }
    await wait_empty(db)
    assert odoo.bad_signatures == 0
    assert 'gps_push_positions_total{result="stored"} 1.0' in await pushing.metrics()


async def test_only_the_newest_position_of_a_vehicle_is_sent(
    waiting: Service, odoo: FakeOdoo, db: Connection, migrated_url: str
) -> None:
    await waiting.provision("second", "MH1")
    await send(waiting, "one", latitude=2)
    await send(waiting, "second", latitude=3)
    assert await outbox(db) == ["MH1"]
    odoo.vehicles.add("MH1")
    async with in_process(pushes_to(odoo, migrated_url)):
        await odoo.wait_for("MH1", 3)
        await wait_empty(db)
    assert odoo.batches == [["MH1"]]


def pushes_to(odoo: FakeOdoo, url: str) -> Settings:
    return settings_for(url, odoo_url=odoo.url, odoo_hmac_secret=SECRET)


async def test_without_an_odoo_the_outbox_waits(
    waiting: Service, db: Connection
) -> None:
    assert await outbox(db) == ["MH1"]
    page = await waiting.metrics()
    assert 'gps_outbox_positions{state="due"} 1.0' in page
    assert "gps_push_leader 0.0" in page


@pytest.mark.parametrize(
    "answer",
    [
        error(503, "not_configured"),
        error(401, "bad_signature"),
        error(401, "stale_timestamp"),
        Response("proxy error", status_code=502),
        JSONResponse({"error": {"code": 7}}, status_code=500),
        JSONResponse({"results": []}),
        JSONResponse({"results": [{"status": "surprise"}]}),
        JSONResponse({"results": None}),
        Response("<html>"),
        error(409, "conflict"),
    ],
)
async def test_a_batch_without_a_usable_answer_is_sent_again(
    pushing: Service, odoo: FakeOdoo, db: Connection, answer: Response
) -> None:
    odoo.vehicles.add("MH1")
    odoo.answers.append(answer)
    await pushing.provision("one", "MH1")
    await send(pushing, "one", latitude=1)
    await odoo.wait_for("MH1", 1)
    await wait_empty(db)
    assert len(odoo.batches) == 2
    assert len(odoo.batch_ids) == 2
    assert 'gps_push_positions_total{result="unavailable"} 1.0' in (
        await pushing.metrics()
    )


async def test_replayed_counts_as_delivered(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.answers.append(error(409, "replayed"))
    await pushing.provision("one", "MH1")
    await send(pushing, "one")
    await odoo.wait_for_calls(1)
    await wait_empty(db)
    assert len(odoo.batches) == 1


async def test_stale_and_invalid_positions_leave_the_outbox(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.update({"MH1", "MH2"})
    odoo.positions["MH1"] = {"fix_time": "2999"}
    odoo.invalid.add("MH2")
    await pushing.provision("one", "MH1")
    await pushing.provision("two", "MH2")
    await pushing.post([row(device_id="one"), row(device_id="two")], GATEWAY)
    await odoo.wait_for_calls(1)
    await wait_empty(db)
    page = await pushing.metrics()
    assert 'gps_push_positions_total{result="stale"} 1.0' in page
    assert 'gps_push_positions_total{result="invalid"} 1.0' in page


async def test_a_vehicle_odoo_does_not_know_is_kept_for_later(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.add("MH2")
    await pushing.provision("one", "MH1")
    await pushing.provision("two", "MH2")
    await pushing.post(
        [row(device_id="one", latitude=1), row(device_id="two", latitude=2)], GATEWAY
    )
    await odoo.wait_for("MH2", 2)

    async def settled() -> bool:
        records = await db.fetch(
            "SELECT vehicle_identifier, not_before > now() FROM outbox"
        )
        return [tuple(record) for record in records] == [("MH1", True)]

    await eventually(settled, "only the unknown vehicle waits, and for later")
    assert 'gps_outbox_positions{state="deferred"} 1.0' in await pushing.metrics()
    # A newer fix takes its place but does not make Odoo be asked sooner.
    await db.execute("UPDATE outbox SET not_before = now() + interval '1 hour'")
    await send(pushing, "one", latitude=5)
    assert await db.fetchval("SELECT not_before > now() FROM outbox")
    odoo.vehicles.add("MH1")
    await db.execute("UPDATE outbox SET not_before = now()")
    await odoo.wait_for("MH1", 5)
    await wait_empty(db)


async def test_an_unknown_vehicle_is_given_up_after_a_day(
    waiting: Service, odoo: FakeOdoo, db: Connection, migrated_url: str
) -> None:
    await db.execute("UPDATE outbox SET received_at = now() - interval '25 hours'")
    async with in_process(pushes_to(odoo, migrated_url)) as pusher:
        await wait_empty(db)
        assert 'result="given_up"} 1.0' in await pusher.metrics()


async def test_a_body_odoo_refuses_is_split_until_the_culprit_is_alone(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    names = [f"MH{number}" for number in range(5)]
    odoo.vehicles.update(names)
    odoo.refused.add("MH3")
    for name in names:
        await pushing.provision(name.lower(), name)
    await pushing.post([row(device_id=name.lower()) for name in names], GATEWAY)

    async def only_the_culprit() -> bool:
        return await outbox(db) == ["MH3"]

    await eventually(only_the_culprit, "all but the refused one arrived")
    assert set(odoo.positions) == {"MH0", "MH1", "MH2", "MH4"}


async def test_a_position_that_moves_during_the_call_is_sent_next(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.add("MH1")
    await pushing.provision("one", "MH1")
    async with odoo.held():
        await send(pushing, "one", latitude=1)
        await odoo.wait_until_asked()
        await send(pushing, "one", latitude=2)
    await odoo.wait_for("MH1", 2)
    await wait_empty(db)
    assert len(odoo.batches) == 2


async def test_more_than_500_positions_take_several_calls(
    waiting: Service, odoo: FakeOdoo, db: Connection, migrated_url: str
) -> None:
    await db.execute("""
        INSERT INTO outbox (vehicle_identifier, device_id, fix_time, received_at,
                            latitude, longitude)
        SELECT 'KA' || n, 'd' || n, now(), now(), 1, 2 FROM generate_series(1, 1100) n
        """)
    odoo.vehicles.update({"MH1", *(f"KA{number}" for number in range(1, 1101))})
    async with in_process(pushes_to(odoo, migrated_url)):
        await wait_empty(db)
    assert [len(batch) for batch in odoo.batches] == [500, 500, 101]


async def test_two_replicas_do_not_send_twice(
    waiting: Service, odoo: FakeOdoo, db: Connection, migrated_url: str
) -> None:
    odoo.vehicles.add("MH1")
    settings = pushes_to(odoo, migrated_url)
    async with in_process(settings) as first, in_process(settings) as second:
        for latitude in range(1, 6):
            await send(waiting, "one", latitude=latitude)
            await odoo.wait_for("MH1", latitude)
            await wait_empty(db)
        leaders = [
            "gps_push_leader 1.0" in await replica.metrics()
            for replica in (first, second)
        ]
    assert sorted(leaders) == [False, True]
    names = [name for batch in odoo.batches for name in batch]
    assert len(names) == 5


async def test_the_other_replica_takes_over(
    waiting: Service, odoo: FakeOdoo, db: Connection, migrated_url: str
) -> None:
    odoo.vehicles.add("MH1")
    settings = pushes_to(odoo, migrated_url)
    async with in_process(settings):
        async with in_process(settings):
            await odoo.wait_for("MH1", 1)
        await send(waiting, "one", latitude=2)
        await odoo.wait_for("MH1", 2)


async def test_a_replica_that_does_not_push_asks_again_on_the_same_connection(
    migrated_url: str, odoo: FakeOdoo, db: Connection
) -> None:
    async def asking() -> dict[int, datetime]:
        records = await db.fetch(
            "SELECT pid, query_start FROM pg_stat_activity "
            "WHERE query LIKE 'SELECT pg_try_advisory_lock%'"
        )
        return {record["pid"]: record["query_start"] for record in records}

    settings = pushes_to(odoo, migrated_url)
    first: dict[int, datetime] = {}

    async def asked_again() -> bool:
        # For the positions, and for the events. Who pushes has asked only once.
        now = await asking()
        again = [pid for pid in now if now[pid] > first.setdefault(pid, now[pid])]
        return len(again) == 2

    async with in_process(settings), in_process(settings):
        await eventually(asked_again, "the second replica has asked again")


async def test_odoo_comes_back_and_gets_the_newest_position(
    waiting: Service, db: Connection, migrated_url: str
) -> None:
    odoo = FakeOdoo()
    odoo.vehicles.add("MH1")
    port = free_port()
    odoo.url = f"http://127.0.0.1:{port}"
    async with in_process(pushes_to(odoo, migrated_url)) as pusher:

        async def tried() -> bool:
            return 'outcome="failed"} 3.0' in await pusher.metrics()

        await eventually(tried, "three calls failed")
        await send(waiting, "one", latitude=2)
        await send(waiting, "one", latitude=3)
        assert await outbox(db) == ["MH1"]
        async with serving(odoo, port):
            await odoo.wait_for("MH1", 3)
            await wait_empty(db)
    assert odoo.batches == [["MH1"]]


async def test_the_pusher_survives_the_loss_of_its_connection(
    pushing: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.add("MH1")
    await pushing.provision("one", "MH1")
    await send(pushing, "one", latitude=1)
    await odoo.wait_for("MH1", 1)
    await db.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'gps_ingestion_service'"
    )
    async with asyncio.timeout(120):
        while True:
            response = await pushing.post([row(device_id="one", latitude=2)], GATEWAY)
            if response.status_code == 200:
                break
    await odoo.wait_for("MH1", 2)
