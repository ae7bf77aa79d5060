"""Daily partitions of ``fix``: which there are, and how one is made."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from gps_ingestion_service.database import Executor

# Held by the session that makes partitions; +1 by the one that drops them.
PARTITION_LOCK = 0x6770735F706172
# Every commit waits behind whoever waits for the table, so not for long; but longer
# than PostgreSQL takes (1 s) to call its own autovacuum off. And rather another attempt
# than a commit that waits until it is given up.
SHORT_LOCKS = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'"


def partition_name(day: date) -> str:
    """``fix_20261123`` for that UTC day."""
    return f"fix_{day:%Y%m%d}"


def day_of_partition(name: str) -> date | None:
    """The UTC day of the partition of that name; None: it is no day's."""
    try:
        return datetime.strptime(name, "fix_%Y%m%d").date()
    except ValueError:
        return None


def day_bounds(day: date) -> tuple[str, str]:
    """Begin and end of a UTC day as SQL literals. They come from a date, never from
    input."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    return f"'{start:%Y-%m-%d %H:%M:%S+00}'", f"'{end:%Y-%m-%d %H:%M:%S+00}'"


def values_of(day: date) -> str:
    """The clause that says which fixes the partition of a day takes."""
    return "FOR VALUES FROM ({}) TO ({})".format(*day_bounds(day))


async def partitioned_days(connection: Executor) -> set[date]:
    """The UTC days that have a partition."""
    records = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
        "WHERE inhparent = 'fix'::regclass"
    )
    days = (day_of_partition(record["name"]) for record in records)
    return {day for day in days if day is not None}


def days_ahead(days: Iterable[date], today: date) -> int:
    """How many days after ``today`` are among ``days`` without a gap."""
    known, ahead = set(days), 0
    while today + timedelta(ahead + 1) in known:
        ahead += 1
    return ahead


async def make_partition(connection: Executor, day: date) -> None:
    """Create the partition of one UTC day. Call inside a transaction.

    PostgreSQL looks through the default partition meanwhile, whatever is in it, and
    refuses where a fix of that day is.

    Raises:
        asyncpg.CheckViolationError: bring the strays home first.
    """
    name = partition_name(day)
    # Attaching a table lets other sessions write meanwhile; creating it as a partition
    # would not.
    await connection.execute(f"CREATE TABLE {name} (LIKE fix INCLUDING ALL)")
    await connection.execute(
        f"ALTER TABLE fix ATTACH PARTITION {name} {values_of(day)}"
    )
