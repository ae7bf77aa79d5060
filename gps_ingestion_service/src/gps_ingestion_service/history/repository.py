"""SQL of tracks and days."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date, datetime, timedelta

import asyncpg
import msgspec

from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.facts.geometry import FASTEST_MPS
from gps_ingestion_service.positions.repository import (
    StoredPosition,
    history,
    position,
)

_PAGE = 2000

# Between two fixes further apart than this nobody knows what the vehicle did: their
# distance counts, their time is neither driving nor idling.
_LONGEST_STEP_S = 300
# Slower than this is standing, as receivers report it: m/s.
_STANDING_MPS = 1.0

_DAYS = """
WITH steps AS (
    SELECT (fix_time AT TIME ZONE $4)::date AS day, fix_time, speed, attributes,
           latitude, longitude,
           lag(fix_time) OVER step AS before,
           lag(latitude) OVER step AS from_latitude,
           lag(longitude) OVER step AS from_longitude
    FROM fix
    WHERE device = $1 AND fix_time >= $2 AND fix_time < $3
      AND NOT (latitude = 0 AND longitude = 0) AND flags = 0
    WINDOW step AS (
        PARTITION BY (fix_time AT TIME ZONE $4)::date ORDER BY fix_time
    )
), ways AS (
    SELECT *, extract(epoch FROM fix_time - before)::double precision AS seconds,
           2 * 6371008.8 * asin(least(1, sqrt(
               sin(radians(latitude - from_latitude) / 2) ^ 2
               + cos(radians(from_latitude)) * cos(radians(latitude))
                 * sin(radians(longitude - from_longitude) / 2) ^ 2
           ))) AS metres
    FROM steps
), judged AS (
    SELECT *, metres <= $5 * seconds AS believed,
           coalesce(speed, metres / nullif(seconds, 0)) >= $6 AS moving
    FROM ways
)
SELECT day, count(*) AS fixes, min(fix_time) AS first, max(fix_time) AS last,
       coalesce(sum(metres) FILTER (WHERE believed AND moving), 0) AS metres,
       coalesce(sum(seconds) FILTER (WHERE moving AND seconds <= $7), 0) AS driving_s,
       coalesce(sum(seconds) FILTER (
           WHERE NOT moving AND seconds <= $7
             AND attributes -> 'ignition' = 'true'
       ), 0) AS idling_s,
       max(speed) AS max_speed
FROM judged
GROUP BY day
ORDER BY day
"""


class Day(msgspec.Struct, frozen=True):
    """What a device did on a day: metres, seconds, m/s."""

    day: date
    fixes: int
    first: datetime
    last: datetime
    metres: float
    driving_s: float
    idling_s: float
    max_speed: float | None


async def bounds(
    connection: Executor, first: date, after_last: date, time_zone: str
) -> tuple[datetime, datetime] | None:
    """When the days begin and end there; None where there is no such time zone."""
    try:
        record = await connection.fetchrow(
            "SELECT $1::date::timestamp AT TIME ZONE $3 AS start, "
            "$2::date::timestamp AT TIME ZONE $3 AS stop",
            first,
            after_last,
            time_zone,
        )
    except asyncpg.InvalidParameterValueError:
        return None
    return None if record is None else (record["start"], record["stop"])


async def days(
    connection: Executor,
    device: Device,
    start: datetime,
    end: datetime,
    time_zone: str,
) -> list[Day]:
    """The days of a device in a time zone that have a fix, the first one first."""
    records = await connection.fetch(
        _DAYS,
        device.id,
        start,
        end,
        time_zone,
        FASTEST_MPS,
        _STANDING_MPS,
        _LONGEST_STEP_S,
    )
    return [Day(**record) for record in records]


async def stream(
    database: Database, device: Device, start: datetime, end: datetime
) -> AsyncGenerator[StoredPosition, None]:
    """Every fix from ``start`` to before ``end``, oldest first.

    It is read page by page, so no connection waits for a slow reader.
    """
    after = start - timedelta(microseconds=1)
    while True:
        async with database.query() as connection:
            records = await history(connection, device.id, after, end, _PAGE)
        for record in records:
            yield position(record, device.device_id, device.vehicle_identifier)
        if len(records) < _PAGE:
            return
        after = records[-1]["fix_time"]


async def collect(
    database: Database, device: Device, start: datetime, end: datetime, most: int
) -> list[StoredPosition] | None:
    """The same as a list; None where they are more than ``most``."""
    found: list[StoredPosition] = []
    async with aclosing(stream(database, device, start, end)) as positions:
        async for item in positions:
            if len(found) == most:
                return None
            found.append(item)
    return found
