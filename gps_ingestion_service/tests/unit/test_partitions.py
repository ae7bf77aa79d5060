"""Daily partitions, and fixes of days that have none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from support.postgres import free_port
from support.service import (
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service import schema, strays
from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.health.service import Health
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.partition_keeper import PartitionKeeper
from gps_ingestion_service.partitions import (
    make_partition,
    partition_name,
    partitioned_days,
)

TODAY = datetime.now(UTC).date()
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
OLD = NOON - timedelta(days=100)
AHEAD_DAYS = 4


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Connection]:
    """A connection to a database of the test's own."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def running(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service on that database, with one device, whose keeper waits for the test."""

    async def wait(_self: PartitionKeeper) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(PartitionKeeper, "run", wait)
    async with in_process(settings_for(url)) as service:
        await service.state.registry.load()
        await service.provision("one")
        yield service


async def keep(service: Service, today: date = TODAY) -> float:
    return await PartitionKeeper(service.state.database, AHEAD_DAYS).keep(today)


async def send(service: Service, *times: datetime) -> dict[str, Any]:
    rows = [row(device_id="one", timestamp=time.isoformat()) for time in times]
    response = await service.post(rows, GATEWAY)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["rejected"] == 0, body
    return body


async def partition_of(connection: Connection, fix_time: datetime) -> str:
    name: str = await connection.fetchval(
        "SELECT tableoid::regclass::text FROM fix WHERE fix_time = $1", fix_time
    )
    return name


async def strangers(connection: Connection) -> int:
    """How many fixes lie elsewhere than in the partition of their day."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM fix WHERE tableoid::regclass::text "
        "<> 'fix_' || to_char(fix_time AT TIME ZONE 'UTC', 'YYYYMMDD')"
    )
    return count


async def import_days(connection: Connection, days: int, rows: int) -> None:
    """Store fixes of two hundred vehicles on as many days before today."""
    await connection.execute(
        """
        INSERT INTO fix (device, fix_time, received_at, latitude, longitude)
        SELECT 1000 + n % 200,
               $1::timestamptz
               - make_interval(days => 1 + n / 200 % $2, secs => n / $2),
               now(), 18.5, 73.8
        FROM generate_series(1, $3) AS n
        """,
        NOON,
        days,
        rows,
    )


async def test_fixes_lie_in_the_partition_of_their_utc_day(
    running: Service, connection: Connection
) -> None:
    await keep(running)
    midnight = NOON - timedelta(hours=12)
    before = midnight - timedelta(microseconds=1)
    await send(running, midnight, before)
    assert await partition_of(connection, midnight) == partition_name(TODAY)
    yesterday = TODAY - timedelta(days=1)
    assert await partition_of(connection, before) == partition_name(yesterday)


async def test_fixes_of_a_day_without_a_partition_get_one(
    running: Service, connection: Connection
) -> None:
    await send(running, OLD)
    assert await partition_of(connection, OLD) == "fix_default"
    await keep(running)
    assert await partition_of(connection, OLD) == partition_name(OLD.date())
    assert (await send(running, OLD))["duplicates"] == 1


async def test_a_history_is_brought_home_while_fixes_go_on_coming(
    running: Service, connection: Connection
) -> None:
    await import_days(connection, 60, 200_000)
    done = asyncio.Event()

    async def devices() -> int:
        """Send of today, of days that are moved, and of days that nobody knew."""
        sent = 0
        while not done.is_set():
            second = timedelta(seconds=sent)
            days = (1, 20, 90 + sent % 5)
            times = [NOON - timedelta(days=day) + second for day in days]
            body = await send(running, *times)
            sent += body["accepted"]
        return sent

    sending = asyncio.create_task(devices())

    async def at_home() -> bool:
        await keep(running)
        return await strangers(connection) == 0

    await eventually(at_home, "every fix is in the partition of its day")
    done.set()
    sent = await sending
    await eventually(at_home, "the last ones are as well")
    assert sent > 0
    assert await connection.fetchval("SELECT count(*) FROM fix") == 200_000 + sent
    made = await partitioned_days(connection)
    assert {TODAY + timedelta(n) for n in range(-60, AHEAD_DAYS + 1)} <= made


async def test_the_days_ahead_are_made_however_many_strays_there_are(
    running: Service, connection: Connection
) -> None:
    await import_days(connection, 3, 3000)
    for later in range(3):
        today = TODAY + timedelta(days=later)
        await keep(running, today)
        assert today + timedelta(AHEAD_DAYS) in await partitioned_days(connection)


async def test_a_copy_that_was_cut_short_goes_on_with_what_changed_meanwhile(
    running: Service, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = timedelta(seconds=1)
    await send(running, OLD, OLD + second, OLD + 2 * second)
    with monkeypatch.context() as cut:
        cut.setattr(strays, "_take_over", connection_lost)
        assert await keep(running) > 0
    assert await connection.fetchval("SELECT count(*) FROM fix_draft") == 3
    other_day = OLD - timedelta(days=1)
    await send(running, OLD + 3 * second, other_day)
    await connection.execute("UPDATE fix SET flags = 2 WHERE fix_time = $1", OLD)
    await connection.execute("DELETE FROM fix WHERE fix_time = $1", OLD + second)
    await keep(running)
    records = await connection.fetch("SELECT fix_time, flags FROM fix ORDER BY 1")
    assert [tuple(record) for record in records] == [
        (other_day, 0),
        (OLD, 2),
        (OLD + 2 * second, 0),
        (OLD + 3 * second, 0),
    ]
    await keep(running)
    assert await strangers(connection) == 0


async def connection_lost(_connection: Connection) -> int:
    raise ConnectionResetError


async def test_a_migration_begins_such_a_copy_anew(
    url: str,
    running: Service,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await send(running, OLD)
    with monkeypatch.context() as cut:
        cut.setattr(strays, "_take_over", connection_lost)
        await keep(running)
    await schema.migrate(settings_for(url))
    assert await connection.fetchval("SELECT to_regclass('fix_draft')") is None
    await connection.execute("ALTER TABLE fix ADD COLUMN of_the_next_release text")
    await send(running, OLD + timedelta(seconds=1))
    await keep(running)
    assert await strangers(connection) == 0
    assert await connection.fetchval("SELECT count(*) FROM fix") == 2


async def test_while_somebody_reads_for_long_strays_wait_and_days_are_made(
    running: Service, connection: Connection
) -> None:
    await send(running, OLD)
    async with connection.transaction():
        await connection.fetch("SELECT FROM ONLY fix")
        again_s = await keep(running)
        assert again_s > 0
        assert TODAY + timedelta(AHEAD_DAYS) in await partitioned_days(connection)
        assert await partition_of(connection, OLD) == "fix_default"
        assert (await send(running, OLD + timedelta(seconds=1)))["accepted"] == 1
    await keep(running)
    assert await strangers(connection) == 0


async def test_a_fix_that_comes_while_its_partition_is_attached_is_stored(
    running: Service, connection: Connection
) -> None:
    async with connection.transaction():
        await make_partition(connection, OLD.date())
        sending = asyncio.create_task(send(running, OLD))

        async def blocked() -> bool:
            return bool(await connection.fetchval("""
                    SELECT true FROM pg_locks
                    WHERE relation = 'fix_default'::regclass
                      AND mode = 'RowExclusiveLock' AND NOT granted
                    """))

        await eventually(blocked, "the fix waits for the partition")
    assert (await sending)["accepted"] == 1
    assert await partition_of(connection, OLD) == partition_name(OLD.date())


async def test_replicas_that_make_the_same_partitions_do_not_collide(
    running: Service, connection: Connection
) -> None:
    await send(running, OLD)
    again_s = await asyncio.gather(*(keep(running) for _ in range(3)))
    assert len(set(again_s)) == 1, "none of them failed"
    assert TODAY + timedelta(AHEAD_DAYS) in await partitioned_days(connection)
    assert await strangers(connection) == 0


async def test_partitions_are_tried_again_soon_while_the_database_is_down() -> None:
    url = f"postgresql://gps@127.0.0.1:{free_port()}/gps"
    database = Database(settings_for(url))
    await database.open()
    assert await PartitionKeeper(database, ahead_days=1).keep(TODAY) < 60
    await database.close()


async def test_the_metric_of_days_ahead_falls_when_none_are_made(
    running: Service, connection: Connection
) -> None:
    database = running.state.database
    metrics = Metrics()
    health = Health(database, DeviceRegistry(database, metrics), metrics)

    async def ahead() -> float | None:
        await health.refresh_metrics()
        return metrics.registry.get_sample_value("gps_partitions_ahead_days")

    today = datetime.now(UTC).date()
    await keep(running, today)
    assert await ahead() == AHEAD_DAYS
    await connection.execute(f"DROP TABLE {partition_name(today + timedelta(days=2))}")
    assert await ahead() == 1
