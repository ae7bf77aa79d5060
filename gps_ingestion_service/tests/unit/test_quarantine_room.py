"""What cannot be taken is kept within bounds: per sender, in all, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from support.postgres import free_port
from support.quarantine import call, hold, kept, refused
from support.service import Service, in_process, row, settings_for

from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.errors import QuarantineFull, StorageUnavailable
from gps_ingestion_service.formats import HTTP_FORMATS, Message
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.intake import Received
from gps_ingestion_service.quarantine.service import (
    ANONYMOUS,
    Bounds,
    Quarantine,
)
from gps_ingestion_service.rate_limit import RateLimit

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture
async def small(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service that keeps 4 KiB of each sender and 8 KiB of all."""
    bounds = {"quarantine_device_bytes": 4096, "quarantine_max_bytes": 8192}
    async with in_process(settings_for(migrated_url, **bounds)) as running:
        await running.state.registry.load()
        yield running


async def test_a_sender_pushes_out_its_own_messages_only(small: Service) -> None:
    other = await hold(small, b"other", allowance="two", device_id="two")
    for number in range(10):
        await hold(small, bytes([number]) * 500)
    messages = await kept(small)
    assert messages[0]["id"] == other
    assert sum(item["size"] for item in messages[1:]) <= 4096
    assert len(messages) == 5
    newest = (await call(small, "GET", f"/{messages[-1]['id']}")).json()
    assert newest["hex"] == "09" * 500


async def bad_fix(service: Service, token: dict[str, str], number: int) -> int:
    """The answer to a phone whose fix is of no place."""
    query = {"id": "phone", "lat": "95", "lon": str(number)}
    response = await service.client.get("/v1/osmand", params=query, headers=token)
    return response.status_code


async def test_what_a_sender_was_told_to_forget_is_never_pushed_out(
    small: Service,
) -> None:
    token = await small.provision("phone")
    await small.post([row(latitude=99)], token)
    answers = [await bad_fix(small, token, number) for number in range(12)]
    taken = answers.count(200)
    assert answers == [200] * taken + [503] * (12 - taken)
    assert 4 < taken < 10
    messages = await kept(small)
    # The native row was refused to its sender's face, so it made room.
    assert [item["acknowledged"] for item in messages] == [True] * taken
    assert 'dropped_total{reason="full"}' in await small.metrics()
    # What is there already is acknowledged again, and the first takes no more room.
    assert await bad_fix(small, token, 0) == 200
    assert await bad_fix(small, token, 99) == 503
    await call(small, "DELETE", f"/{messages[0]['id']}")
    assert await bad_fix(small, token, 99) == 200


async def test_a_full_quarantine_keeps_no_good_fix_out(small: Service) -> None:
    token = await small.provision("phone")
    answers = [await bad_fix(small, token, number) for number in range(12)]
    assert answers[-1] == 503
    query = {"id": "phone", "lat": "7", "lon": "8"}
    response = await small.client.get("/v1/osmand", params=query, headers=token)
    assert response.json()["accepted"] == 1


async def test_all_that_was_acknowledged_together_is_bounded_too(
    small: Service,
) -> None:
    for number in range(3):
        body = b"x" * 3000
        await small.state.quarantine.keep(
            [refused(body, allowance=f"device-{number}", acknowledged=number < 2)]
        )
    with pytest.raises(QuarantineFull):
        await small.state.quarantine.keep(
            [refused(b"y" * 3000, allowance="device-3", acknowledged=True)]
        )
    await small.state.quarantine.expire()
    assert [item["acknowledged"] for item in await kept(small)] == [True, True]


async def test_what_is_refused_at_once_is_kept_in_few_transactions(
    service: Service, db: Connection
) -> None:
    before = await db.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    await asyncio.gather(
        *(
            service.state.quarantine.keep([refused(b"x", allowance=f"device-{number}")])
            for number in range(50)
        )
    )
    assert len(await kept(service)) == 50
    taken = await db.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM quarantine "
        "WHERE age(xmin) <= age($1::text::xid8::xid)",
        before,
    )
    assert taken <= 2


async def test_one_that_cannot_be_kept_is_no_other_ones_fault(small: Service) -> None:
    async def keep(allowance: str, **values: Any) -> Exception | None:
        item = refused(b"x" * 3000, allowance=allowance, **values)
        try:
            await small.state.quarantine.keep([item])
        except Exception as error:
            return error
        return None

    await keep("full", acknowledged=True)
    before, full, unstorable, after = await asyncio.gather(
        keep("before"),
        keep("full", acknowledged=True, protocol="gt06"),
        keep("unstorable", reason="\x00"),
        keep("after"),
    )
    assert before is after is None
    assert isinstance(full, QuarantineFull)
    assert isinstance(unstorable, asyncpg.DataError)
    names = [item["protocol"] for item in await kept(small)]
    assert names == ["teltonika"] * 3


async def test_who_leaves_while_it_is_kept_holds_up_nobody(service: Service) -> None:
    quarantine = service.state.quarantine
    leaving = asyncio.create_task(quarantine.keep([refused(b"left")]))
    staying = asyncio.create_task(quarantine.keep([refused(b"stays")]))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(await kept(service)) == 2


async def test_what_was_acknowledged_is_kept_as_long_as_fixes_are(
    small: Service, migrated_url: str
) -> None:
    for number, days in enumerate((399, 401)):
        seen = datetime.now(UTC) - timedelta(days=days)
        await small.state.quarantine.keep(
            [refused(bytes([number]), acknowledged=True, received_at=seen)]
        )
    await small.state.quarantine.expire()
    assert len(await kept(small)) == 2
    bounds = {"retention_days": 400}
    async with in_process(settings_for(migrated_url, **bounds)) as other:
        await other.state.quarantine.expire()
        assert len(await kept(other)) == 1
        assert 'dropped_total{reason="retention"} 1.0' in await other.metrics()


async def test_a_message_larger_than_the_allowance_is_dropped_and_counted(
    small: Service,
) -> None:
    item = Received(Message(body=b"x" * 5000), HTTP_FORMATS["native"], NOW)
    await small.state.quarantine.keep([item.refused("one", "c", "r", "one")])
    assert await kept(small) == []
    assert 'dropped_total{reason="too_large"} 1.0' in await small.metrics()


async def test_all_senders_together_are_bounded_and_old_messages_go(
    small: Service, db: Connection
) -> None:
    for number in range(5):
        await hold(small, b"x" * 3000, allowance=f"device-{number}")
    await hold(small, b"old", received_at=datetime.now(UTC) - timedelta(days=31))
    assert await small.state.quarantine.expire() > 60
    messages = await kept(small)
    assert sum(item["size"] for item in messages) <= 8192
    assert [item["size"] > 3000 for item in messages] == [True, True]


async def test_a_flood_from_nobody_is_kept_at_a_low_rate(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No room comes back meanwhile: on a busy machine the flood takes its time.
    limit = RateLimit(5.0, 20, clock=lambda: 0)
    monkeypatch.setattr(service.state.quarantine, "_anonymous", limit)
    for number in range(30):
        await service.client.get("/", params={"id": f"n{number}", "lat": 1, "lon": 2})
    assert len(await kept(service, limit=1000)) == 20
    assert 'dropped_total{reason="rate_limited"}' in await service.metrics()


async def test_without_a_database_nothing_is_promised() -> None:
    database = Database(settings_for(f"postgresql://gps@127.0.0.1:{free_port()}/gps"))
    await database.open()
    metrics = Metrics()
    registry = DeviceRegistry(database, metrics)
    quarantine = Quarantine(database, registry, metrics, Bounds(4096, 8192, 1))
    received = Received(Message(body=b"x"), HTTP_FORMATS["native"], NOW)
    item = received.refused(ANONYMOUS, "code", "reason", "not an id \x00")
    assert item.device_id is None
    await quarantine.keep_if_possible(item)
    with pytest.raises(StorageUnavailable):
        await quarantine.keep([item])
    assert await quarantine.expire() < 60
    dropped = metrics.registry.get_sample_value(
        "gps_quarantine_dropped_total", {"reason": "unavailable"}
    )
    assert dropped == 1
    await database.close()
