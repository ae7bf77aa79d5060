"""Migrations."""

import asyncio

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from support.postgres import PostgresServer
from support.service import settings_for

from gps_ingestion_service import schema


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
