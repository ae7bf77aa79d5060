"""Alembic, on a connection of the service's own."""

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gps_ingestion_service import strays
from gps_ingestion_service.database import connect_arguments
from gps_ingestion_service.partitions import PARTITION_LOCK
from gps_ingestion_service.settings import DatabaseSettings

# Any number will do; it must only be the same in every replica.
MIGRATION_LOCK = 0x6770735F6D6967


def _upgrade(connection: Connection) -> None:
    # Held by the session, so a replica that starts meanwhile waits here, and then
    # finds nothing left to do. It goes with the connection if this process dies.
    connection.execute(
        text("SELECT pg_advisory_lock(:key)").bindparams(key=MIGRATION_LOCK)
    )
    # Nobody copies fixes between tables while their columns change; a copy that was cut
    # short begins again.
    connection.execute(
        text("SELECT pg_advisory_lock(:key)").bindparams(key=PARTITION_LOCK)
    )
    for statement in strays.ABANDON:
        connection.execute(text(statement))
    connection.commit()
    config = Config()
    config.set_main_option("script_location", "gps_ingestion_service:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def upgrade(settings: DatabaseSettings) -> None:
    """Run the migrations that the database lacks."""
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
