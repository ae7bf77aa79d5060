"""Fixes of days without a partition: out of the default one, while they arrive.

PostgreSQL makes no partition for a day of which the default partition holds a row, and
looks through all of it for every new one. So it has to stay small, and moving a row
would hide it for a moment, from readers and from the primary key. Therefore its
content is copied, step by step, into a second partitioned table, which has the days
that are missing. A trigger has every change follow meanwhile. Then, in one short
transaction, the days and an empty default partition take the place of the old one.

A copy that is cut short goes on where it is called again.
"""

from datetime import UTC, date, datetime

import structlog

from gps_ingestion_service.database import Connection, Executor
from gps_ingestion_service.partitions import (
    SHORT_LOCKS,
    day_bounds,
    day_of_partition,
    partition_name,
    values_of,
)

_STEP_ROWS = 5000
# These many change places in less than a second.
_MOST_DAYS = 366

# The rows stay locked until they are copied: a change of one of them then finds the
# copy, or is what is copied.
_COPY = """
WITH step AS MATERIALIZED (
    SELECT * FROM fix_default WHERE (device, fix_time) > ($1, $2)
    ORDER BY device, fix_time LIMIT $3 FOR SHARE
), copied AS (
    INSERT INTO fix_draft SELECT * FROM step ON CONFLICT DO NOTHING
)
SELECT device, fix_time FROM step ORDER BY device DESC, fix_time DESC LIMIT 1
"""

_FOLLOW = """
CREATE FUNCTION fix_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM fix_draft
        WHERE device = OLD.device AND fix_time = OLD.fix_time;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO fix_draft SELECT NEW.*;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fix_follow AFTER INSERT OR UPDATE OR DELETE ON fix_default
FOR EACH ROW EXECUTE FUNCTION fix_follow()
"""

# Ends a copy; harmless where there is none, and on an empty database.
ABANDON = (
    "DROP FUNCTION IF EXISTS fix_follow() CASCADE",
    "DROP TABLE IF EXISTS fix_draft CASCADE",
)

log = structlog.stdlib.get_logger(__name__)


async def there_are_strays(connection: Executor) -> bool:
    """Whether a fix lies in the default partition."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM fix_default)")
    return found


async def bring_home(connection: Connection) -> None:
    """Give every day of the default partition one of its own, the newest first.

    The session of ``connection`` holds the lock of the partitions.
    """
    if await connection.fetchval("SELECT to_regclass('fix_draft')") is None:
        await _begin(connection, await _days(connection))
    await _copy(connection)
    log.info("strays_brought_home", days=await _take_over(connection))


async def _days(connection: Connection) -> list[date]:
    records = await connection.fetch(
        "SELECT DISTINCT (fix_time AT TIME ZONE 'UTC')::date AS day FROM fix_default "
        "ORDER BY day DESC LIMIT $1",
        _MOST_DAYS,
    )
    return [record["day"] for record in records]


async def _begin(connection: Connection, days: list[date]) -> None:
    """Make the draft and have changes follow from now on."""
    statements = [
        SHORT_LOCKS,
        "CREATE TABLE fix_draft (LIKE fix INCLUDING ALL) PARTITION BY RANGE (fix_time)",
        "CREATE TABLE fix_draft_rest PARTITION OF fix_draft DEFAULT",
    ]
    for day in days:
        name, (start, end) = partition_name(day), day_bounds(day)
        statements += [
            # Where this is known to hold, nobody looks through the rows again.
            f"CREATE TABLE {name} (LIKE fix INCLUDING ALL, CONSTRAINT of_its_day "
            f"CHECK (fix_time >= {start} AND fix_time < {end}))",
            f"ALTER TABLE fix_draft ATTACH PARTITION {name} {values_of(day)}",
        ]
    async with connection.transaction():
        await connection.execute("; ".join([*statements, _FOLLOW]))


async def _copy(connection: Connection) -> None:
    """Copy the default partition into the draft."""
    device, fix_time = 0, datetime.min.replace(tzinfo=UTC)
    while True:
        last = await connection.fetchrow(_COPY, device, fix_time, _STEP_ROWS)
        if last is None:
            return
        device, fix_time = last["device"], last["fix_time"]


async def _take_over(connection: Connection) -> int:
    """Put the draft's partitions in the place of the default one; how many days."""
    records = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
        "WHERE inhparent = 'fix_draft'::regclass"
    )
    days = [day for record in records if (day := day_of_partition(record["name"]))]
    statements = [
        SHORT_LOCKS,
        "LOCK TABLE ONLY fix IN ACCESS EXCLUSIVE MODE",
        "ALTER TABLE fix DETACH PARTITION fix_default",
        "DROP TABLE fix_default",
        "DROP FUNCTION fix_follow()",
    ]
    for day in days:
        name = partition_name(day)
        statements += [
            f"ALTER TABLE fix_draft DETACH PARTITION {name}",
            f"ALTER TABLE fix ATTACH PARTITION {name} {values_of(day)}",
            f"ALTER TABLE {name} DROP CONSTRAINT of_its_day",
        ]
    statements += [
        "ALTER TABLE fix_draft DETACH PARTITION fix_draft_rest",
        "ALTER TABLE fix_draft_rest RENAME TO fix_default",
        "ALTER TABLE fix_default RENAME CONSTRAINT fix_draft_rest_pkey "
        "TO fix_default_pkey",
        "ALTER TABLE fix ATTACH PARTITION fix_default DEFAULT",
        "DROP TABLE fix_draft",
    ]
    async with connection.transaction():
        await connection.execute("; ".join(statements))
    return len(days)
