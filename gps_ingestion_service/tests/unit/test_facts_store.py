"""Facts in the database: noted with the fixes, evaluated once, kept through a crash."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.driving import at
from support.service import settings_for

from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.errors import StorageUnavailable
from gps_ingestion_service.events.pusher import FactKeeper
from gps_ingestion_service.facts import repository
from gps_ingestion_service.facts.model import Rules, Sample
from gps_ingestion_service.facts.worker import FactWorker
from gps_ingestion_service.fix import Fix, Flag
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.group_commit import Entry
from gps_ingestion_service.positions.repository import FixStore

YEAR = timedelta(days=366)
STOP = [at(0, -900), at(60), at(300), at(400, 900)]


class Store:
    """Stores fixes as the service does, and evaluates them when it is told to."""

    def __init__(self, database: Database, db: Connection) -> None:
        self.database = database
        self.db = db
        self.metrics = Metrics()
        self._fixes = FixStore(database, 5, facts=True)

    def worker(self, fixes_a_pass: int = 20_000) -> FactWorker:
        """One more replica's."""
        week = timedelta(days=7)
        return FactWorker(self.database, self.metrics, Rules(), 1, week, fixes_a_pass)

    async def device(self, vehicle: str = "MH1") -> int:
        """A new device in that vehicle."""
        key: int = await self.db.fetchval(
            """
            INSERT INTO device (device_id, vehicle_identifier, enabled, version)
            VALUES (gen_random_uuid()::text, $1, true, 1) RETURNING id
            """,
            vehicle,
        )
        return key

    async def store(
        self,
        device: int,
        samples: Sequence[Sample],
        flags: Flag = Flag(0),
        **more: Any,
    ) -> None:
        """Commit the fixes."""
        entries = [
            Entry(
                device,
                Fix(
                    fix_time=sample.time,
                    latitude=sample.latitude,
                    longitude=sample.longitude,
                    speed=sample.speed,
                    attributes=(
                        {} if sample.ignition is None else {"ignition": sample.ignition}
                    ),
                    **more,
                ),
                datetime.now(UTC),
                flags,
            )
            for sample in samples
        ]
        await self._fixes.store(entries)

    async def facts(self, kind: str = "stop") -> list[dict[str, Any]]:
        """The facts of that kind as they are stored."""
        records = await self.db.fetch(
            "SELECT * FROM fact WHERE kind = $1 ORDER BY started_at", kind
        )
        return [dict(record) for record in records]


@pytest.fixture
async def store(migrated_url: str, db: Connection) -> AsyncIterator[Store]:
    """Nothing is stored, and nobody evaluates by himself."""
    database = Database(settings_for(migrated_url))
    await database.open()
    yield Store(database, db)
    await database.close()


async def test_a_stop_is_stored_with_its_first_revision(store: Store) -> None:
    await store.store(await store.device(), STOP)
    await store.worker().work()
    (stop,) = await store.facts()
    assert (stop["started_at"], stop["ended_at"]) == (STOP[1].time, STOP[3].time)
    assert (stop["revision"], stop["delivered_revision"]) == (1, 0)
    assert await store.db.fetchval("SELECT count(*) FROM fact_due") == 0


async def test_evaluation_goes_on_from_what_is_stored(store: Store) -> None:
    device = await store.device()
    for sample in STOP:
        await store.store(device, [sample])
        await store.worker().work()
    (stop,) = await store.facts()
    assert (stop["ended_at"], stop["revision"]) == (STOP[3].time, 2)


async def test_the_order_of_arrival_does_not_matter(store: Store) -> None:
    first, second = await store.device("MH1"), await store.device("MH2")
    for index in range(len(STOP)):
        await store.store(first, [STOP[index]])
        await store.store(second, [STOP[-index - 1]])
        await store.worker().work()
    one, other = await store.facts()
    for name in ("started_at", "ended_at", "settled_at", "latitude", "longitude"):
        assert one[name] == other[name]


async def test_a_crash_while_evaluating_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.store(await store.device(), STOP)

    async def crash(*_: object) -> None:
        raise StorageUnavailable()

    with monkeypatch.context() as patch:
        patch.setattr(repository, "save_facts", crash)
        assert await store.worker().work() > 1
    assert not await store.facts()
    await store.worker().work()
    assert len(await store.facts()) == 1


async def test_a_late_fix_changes_the_fact_and_keeps_its_uuid(store: Store) -> None:
    device = await store.device()
    await store.store(device, STOP)
    await store.worker().work()
    (before,) = await store.facts()
    await store.store(device, [at(30, 5)])
    await store.worker().work()
    (stop,) = await store.facts()
    assert (stop["uuid"], stop["revision"]) == (before["uuid"], 2)
    assert stop["started_at"] == at(30).time


async def test_a_late_fix_of_long_ago_starts_from_its_hour(store: Store) -> None:
    device = await store.device()
    drive = [at(60 * minute, 900 * minute) for minute in range(400)]
    await store.store(device, drive)
    await store.worker().work()
    hours = await store.db.fetchval("SELECT count(*) FROM fact_checkpoint")
    assert hours == 7
    await store.store(device, [at(7230, 108_000 + 450)])
    await store.worker().work()
    assert await store.db.fetchval("SELECT count(*) FROM fact_checkpoint") == hours
    assert not await store.facts()


async def test_checkpoints_that_no_late_fix_needs_are_let_go(store: Store) -> None:
    device = await store.device()
    day = 86_400
    drive = [at(0), at(day), at(10 * day), at(10 * day + 10)]
    for sample in drive:
        await store.store(device, [sample])
        await store.worker().work()
    hours = await store.db.fetch("SELECT hour FROM fact_checkpoint ORDER BY hour")
    assert [record["hour"] for record in hours] == [at(day).time, at(10 * day).time]


async def test_one_pass_takes_on_no_more_fixes_than_it_can_hold(store: Store) -> None:
    for vehicle in ("MH1", "MH2", "MH3"):
        await store.store(await store.device(vehicle), STOP)
    async with store.db.transaction():
        claimed = await repository.claim(store.db, 100, 5)
        assert len(claimed) == 2
        assert len(await repository.claim(store.db, 100, 5)) == 1


async def test_fixes_that_are_nowhere_make_no_fact(store: Store) -> None:
    device = await store.device()
    await store.store(device, STOP, accuracy=5000)
    nowhere = [
        Sample(time=sample.time, latitude=0, longitude=0, vehicle_identifier="MH1")
        for sample in [at(500), at(900)]
    ]
    await store.store(device, nowhere)
    await store.worker().work()
    assert not await store.facts()
    await store.store(device, [at(1000)])
    await store.worker().work()
    assert not await store.facts("silence")


async def flagged(store: Store) -> dict[str, set[datetime]]:
    """The times of the fixes that are flagged as jumps, by table."""
    return {
        table: {
            record["fix_time"]
            for record in await store.db.fetch(
                f"SELECT fix_time FROM {table} WHERE flags = $1", Flag.IMPOSSIBLE_JUMP
            )
        }
        for table in ("fix", "last_position")
    }


async def test_a_jump_is_flagged_and_so_is_the_last_position_that_is_it(
    store: Store,
) -> None:
    device = await store.device()
    far = at(10, 100_000)
    await store.store(device, [at(0), far])
    await store.worker().work()
    assert await flagged(store) == {"fix": {far.time}, "last_position": {far.time}}
    await store.store(device, [at(20)])
    await store.worker().work()
    assert await flagged(store) == {"fix": {far.time}, "last_position": set()}
    value = store.metrics.registry.get_sample_value
    assert value("gps_fixes_flagged_total", {"flag": "impossible_jump"}) == 1


async def test_a_late_fix_moves_the_flag_to_the_fix_that_was_wrong(
    store: Store,
) -> None:
    device = await store.device()
    await store.store(device, [at(0), at(10, 100_000)])
    await store.worker().work()
    await store.store(device, [at(-10, 100_000)])
    await store.worker().work()
    assert await flagged(store) == {"fix": {at(0).time}, "last_position": set()}


async def test_what_an_app_made_up_makes_no_fact_and_is_no_jump(store: Store) -> None:
    device = await store.device()
    await store.store(device, STOP, flags=Flag.MOCK_LOCATION)
    await store.store(device, [at(420, 900_000)], flags=Flag.MOCK_LOCATION)
    await store.worker().work()
    assert not await store.facts()
    assert not (await flagged(store))["fix"]


async def test_a_device_that_is_not_heard_is_silent_until_it_is(store: Store) -> None:
    device = await store.device()
    await store.store(device, STOP[:1])
    await store.worker().work()
    assert not await store.facts("silence")
    await store.db.execute("UPDATE fact_state SET evaluated_at = now() - interval '1h'")
    await store.worker().work()
    await store.worker().work()
    (silence,) = await store.facts("silence")
    assert (silence["started_at"], silence["ended_at"]) == (STOP[0].time, None)
    await store.store(device, [at(9000)])
    await store.worker().work()
    (ended,) = await store.facts("silence")
    assert (ended["uuid"], ended["revision"]) == (silence["uuid"], 2)
    assert ended["ended_at"] == at(9000).time


async def test_a_silence_outlasts_fixes_from_before_it(store: Store) -> None:
    device = await store.device()
    await store.store(device, STOP)
    await store.worker().work()
    await store.db.execute("UPDATE fact_state SET evaluated_at = now() - interval '1h'")
    await store.worker().work()
    await store.store(device, [at(30, -450)])
    await store.worker().work()
    (silence,) = await store.facts("silence")
    assert (silence["ended_at"], silence["revision"]) == (None, 1)


async def test_facts_are_kept_for_as_long_as_is_set(store: Store) -> None:
    await store.store(await store.device(), STOP)
    await store.worker().work()
    keeper = FactKeeper(store.database, timedelta(days=100_000), YEAR)
    await keeper.expire()
    assert len(await store.facts()) == 1
    await FactKeeper(store.database, timedelta(days=1), YEAR).expire()
    assert not await store.facts()


async def test_a_database_that_is_down_is_tried_again_soon() -> None:
    database = Database(settings_for("postgresql://gps@127.0.0.1:1/gps"))
    await database.open()
    worker = FactWorker(database, Metrics(), Rules(), 1, timedelta(days=7))
    assert await worker.work() == 5
    assert await FactKeeper(database, timedelta(days=1), YEAR).expire() == 30
    await database.close()
