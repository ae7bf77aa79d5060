"""Migrations and daily partitions."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from support.postgres import PostgresServer, free_port
from support.service import GATEWAY, Service, eventually, row, settings_for

from gps_ingestion_service import schema
from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.partitions import (
    PartitionKeeper,
    make_partition,
    make_partitions,
    partition_name,
)


async def test_several_replicas_may_migrate_at_once(postgres: PostgresServer) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE DATABASE contested")
    await admin.close()
    settings = settings_for(postgres.url("contested"))
    revisions = await asyncio.gather(*(schema.migrate(settings) for _ in range(4)))
    assert set(revisions) == {schema.head_revision()}
    connection = await asyncpg.connect(postgres.url("contested"))
    assert await schema.current_revision(connection) == schema.head_revision()
    locks = await connection.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    )
    await connection.close()
    assert locks == 0


def test_each_migration_is_named_after_its_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "gps_ingestion_service:migrations")
    scripts = ScriptDirectory.from_config(config)
    revisions = {script.revision for script in scripts.walk_revisions()}
    assert schema.known_revisions() == revisions
    assert schema.head_revision() == scripts.get_current_head()


async def test_a_database_that_was_never_migrated_has_no_revision(
    postgres: PostgresServer,
) -> None:
    connection = await asyncpg.connect(postgres.url("template1"))
    assert await schema.current_revision(connection) is None
    await connection.close()


async def partition_of(db: Connection, fix_time: datetime) -> str:
    name: str = await db.fetchval(
        "SELECT tableoid::regclass::text FROM fix WHERE fix_time = $1", fix_time
    )
    return name


async def test_fixes_lie_in_the_partition_of_their_utc_day(
    service: Service, db: Connection
) -> None:
    await make_partitions(service.state.database, datetime.now(UTC).date(), 2)
    await service.provision("one")
    now = datetime.now(UTC)
    await service.post([row(device_id="one", timestamp=now.isoformat())], GATEWAY)
    assert await partition_of(db, now) == partition_name(now.date())


async def test_a_fix_of_a_day_without_a_partition_goes_to_the_default_one(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    old = datetime.now(UTC) - timedelta(days=200)
    await service.post([row(device_id="one", timestamp=old.isoformat())], GATEWAY)
    assert await partition_of(db, old) == "fix_default"


async def test_a_late_partition_takes_its_fixes_out_of_the_default_one(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    old = datetime.now(UTC) - timedelta(days=100)
    fix = row(device_id="one", timestamp=old.isoformat())
    await service.post([fix], GATEWAY)
    async with db.transaction():
        assert await make_partition(db, old.date())
    try:
        assert await partition_of(db, old) == partition_name(old.date())
        again = (await service.post([fix], GATEWAY)).json()
        assert again["duplicates"] == 1
        async with db.transaction():
            assert not await make_partition(db, old.date())
    finally:
        await db.execute(f"DROP TABLE {partition_name(old.date())}")


async def test_a_fix_that_comes_while_its_partition_is_attached_is_stored(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    old = datetime.now(UTC) - timedelta(days=150)
    async with db.transaction():
        assert await make_partition(db, old.date())
        sending = asyncio.create_task(
            service.post([row(device_id="one", timestamp=old.isoformat())], GATEWAY)
        )

        async def blocked() -> bool:
            return bool(await db.fetchval("""
                    SELECT true FROM pg_locks
                    WHERE relation = 'fix_default'::regclass
                      AND mode = 'RowExclusiveLock' AND NOT granted
                    """))

        await eventually(blocked, "the fix waits for the partition")
    try:
        response = await sending
        assert (response.status_code, response.json()["accepted"]) == (200, 1)
        assert await partition_of(db, old) == partition_name(old.date())
    finally:
        await db.execute(f"DROP TABLE {partition_name(old.date())}")


async def test_replicas_that_make_the_same_partitions_do_not_collide(
    service: Service, db: Connection
) -> None:
    day = date(2031, 5, 1)
    database = service.state.database
    made = await asyncio.gather(*(make_partitions(database, day, 2) for _ in range(3)))
    assert sum(made) == 4
    for offset in range(-1, 3):
        await db.execute(f"DROP TABLE {partition_name(day + timedelta(offset))}")


async def test_partitions_are_tried_again_soon_while_the_database_is_down() -> None:
    url = f"postgresql://gps@127.0.0.1:{free_port()}/gps"
    database = Database(settings_for(url))
    await database.open()
    keeper = PartitionKeeper(database, Metrics(), ahead_days=1)
    assert await keeper.keep() < 60
    await database.close()
