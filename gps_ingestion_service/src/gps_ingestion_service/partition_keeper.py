"""The task that keeps the partitions of ``fix`` as they should be."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import structlog

from gps_ingestion_service import strays
from gps_ingestion_service.database import Connection, Database, Executor, is_outage
from gps_ingestion_service.partitions import (
    PARTITION_LOCK,
    SHORT_LOCKS,
    make_partition,
    partitioned_days,
)

# So often that what arrives meanwhile for days without a partition is soon moved.
_CHECK_EVERY_S = 15.0
_RETRY_AFTER_S = 30.0

log = structlog.stdlib.get_logger(__name__)


class PartitionKeeper:
    """Has the coming days ready, and the default partition empty."""

    def __init__(self, database: Database, ahead_days: int) -> None:
        self._database = database
        self._ahead_days = ahead_days

    async def run(self) -> None:
        """Check a few times a minute. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.keep(datetime.now(UTC).date()))

    async def keep(self, today: date) -> float:
        """Do what is missing on that UTC day; the seconds until the next check."""
        try:
            async with self._database.query() as connection:
                missing = await self._missing(connection, today)
                at_home = not await strays.there_are_strays(connection)
            if missing or not at_home:
                await self._work(today)
        except Exception as error:
            if not is_outage(error):
                raise
            # Nothing is lost meanwhile: the default partition takes the fixes.
            log.warning("partitions_not_made", error=str(error) or type(error).__name__)
            return _RETRY_AFTER_S
        return _CHECK_EVERY_S

    async def _work(self, today: date) -> None:
        connection = await self._database.connect()
        try:
            # One replica does it; held by the session, it goes with the connection.
            if await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", PARTITION_LOCK
            ):
                try:
                    if await strays.there_are_strays(connection):
                        await strays.bring_home(connection)
                finally:
                    # Also while a long query keeps the strays where they are.
                    await self._make_missing(connection, today)
            await connection.close()
        finally:
            connection.terminate()

    async def _missing(self, connection: Executor, today: date) -> list[date]:
        made = await partitioned_days(connection)
        wanted = (today + timedelta(n) for n in range(-1, self._ahead_days + 1))
        return [day for day in wanted if day not in made]

    async def _make_missing(self, connection: Connection, today: date) -> None:
        missing = await self._missing(connection, today)
        for day in missing:
            async with connection.transaction():
                await connection.execute(SHORT_LOCKS)
                await make_partition(connection, day)
        if missing:
            log.info("partitions_made", count=len(missing))
