"""The schema's revision: brought up to date, and compared."""

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gps_ingestion_service.database import Executor, connect_arguments
from gps_ingestion_service.settings import DatabaseSettings

# Any number will do; it must only be the same in every replica.
MIGRATION_LOCK = 0x6770735F6D6967


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "gps_ingestion_service:migrations")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def head_revision() -> str:
    """The revision this program was written for."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError("the package carries no migration")
    return head


def known_revisions() -> frozenset[str]:
    """Every revision this program can bring a database to."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _upgrade(connection: Connection) -> None:
    # Held by the session, so a replica that starts meanwhile waits here, and then
    # finds nothing left to do. It goes with the connection if this process dies.
    connection.execute(
        text("SELECT pg_advisory_lock(:key)").bindparams(key=MIGRATION_LOCK)
    )
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def migrate(settings: DatabaseSettings) -> str:
    """Bring the schema to this program's revision and return it.

    Safe to run in several replicas at once, and on a schema that is up to date.
    """
    arguments = connect_arguments(settings)
    # Rewriting a table may take longer than any request should.
    arguments["command_timeout"] = None
    arguments["server_settings"] = {
        **arguments["server_settings"],
        "statement_timeout": "0",
    }

    async def connect() -> object:
        return await asyncpg.connect(**arguments)

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    return head_revision()


async def current_revision(connection: Executor) -> str | None:
    """The revision of the database, or None where no migration ever ran."""
    exists = await connection.fetchval("SELECT to_regclass('alembic_version')")
    if exists is None:
        return None
    revision: str | None = await connection.fetchval(
        "SELECT version_num FROM alembic_version"
    )
    return revision
