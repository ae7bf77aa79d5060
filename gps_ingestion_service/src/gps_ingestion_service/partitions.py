"""Daily partitions of ``fix``, made before their day begins."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import structlog

from gps_ingestion_service.database import Database, Executor, is_outage
from gps_ingestion_service.observability.metrics import Metrics

PARTITION_LOCK = 0x6770735F706172
_CHECK_EVERY_S = 3600.0
_RETRY_AFTER_S = 30.0

log = structlog.stdlib.get_logger(__name__)


def partition_name(day: date) -> str:
    """``fix_20261123`` for that UTC day."""
    return f"fix_{day:%Y%m%d}"


def day_of_partition(name: str) -> date | None:
    """The UTC day of the partition of that name; None: it is no day's."""
    try:
        return datetime.strptime(name, "fix_%Y%m%d").date()
    except ValueError:
        return None


async def make_partition(connection: Executor, day: date) -> bool:
    """Create the partition of one UTC day; False where it is there already.

    Fixes of that day that went to the default partition, because the service was
    down when the day was due, move into it. Call inside a transaction.
    """
    name = partition_name(day)
    if await connection.fetchval("SELECT to_regclass($1)", name) is not None:
        return False
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    await connection.execute("LOCK TABLE fix_default IN ACCESS EXCLUSIVE MODE")
    strays: bool = await connection.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM fix_default WHERE fix_time >= $1 AND fix_time < $2
        )
        """,
        start,
        end,
    )
    if strays:
        # PostgreSQL attaches no partition whose rows lie in the default one.
        await connection.execute("ALTER TABLE fix DETACH PARTITION fix_default")
    # Names and bounds come from a date, never from input. Attaching a table lets other
    # sessions write meanwhile; creating it as a partition would not.
    await connection.execute(f"CREATE TABLE {name} (LIKE fix INCLUDING ALL)")
    await connection.execute(
        f"ALTER TABLE fix ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{_literal(start)}') TO ('{_literal(end)}')"
    )
    if strays:
        await _bring_home(connection, start, end)
    return True


def _literal(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S+00}"


async def _bring_home(connection: Executor, start: datetime, end: datetime) -> None:
    """Move the fixes of a day out of the default partition and attach that again."""
    await connection.execute(
        """
        WITH strays AS (
            DELETE FROM fix_default
            WHERE fix_time >= $1 AND fix_time < $2
            RETURNING *
        )
        INSERT INTO fix SELECT * FROM strays
        """,
        start,
        end,
    )
    await connection.execute("ALTER TABLE fix ATTACH PARTITION fix_default DEFAULT")


async def make_partitions(database: Database, today: date, ahead_days: int) -> int:
    """Make the partitions of yesterday to ``today + ahead_days``; how many are new.

    One replica at a time does it; the others find the work done.
    """
    made = 0
    async with database.pool.acquire() as connection:
        for offset in range(-1, ahead_days + 1):
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(
                    "SELECT pg_advisory_xact_lock($1)", PARTITION_LOCK
                )
                made += await make_partition(connection, today + timedelta(offset))
    return made


class PartitionKeeper:
    """Keeps the coming days ready while the service runs."""

    def __init__(self, database: Database, metrics: Metrics, ahead_days: int) -> None:
        self._database = database
        self._metrics = metrics
        self._ahead_days = ahead_days

    async def run(self) -> None:
        """Check every hour; after a failure, soon again. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.keep())

    async def keep(self) -> float:
        """Make what is missing; the seconds until the next check."""
        today = datetime.now(UTC).date()
        try:
            made = await make_partitions(self._database, today, self._ahead_days)
        except Exception as error:
            if not is_outage(error):
                raise
            # Nothing is lost meanwhile: the default partition takes the fixes.
            log.warning("partitions_not_made", error=type(error).__name__)
            return _RETRY_AFTER_S
        self._metrics.partitions_ahead.set(self._ahead_days)
        if made:
            log.info("partitions_made", count=made)
        return _CHECK_EVERY_S
