"""SQL of the positions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.fix import Fix, Flag, Status
from gps_ingestion_service.positions.group_commit import Entry, Key

# One statement, so one round trip and one transaction: the fixes, the last positions
# they move and the outbox rows stand or fall together. Rows are written in key order,
# so that two replicas wait for each other instead of deadlocking. Whether a device that
# is stored on trips only is on one is asked here too, with the trips as they are when
# the row is written.
_STORE = """
WITH given AS MATERIALIZED (
    SELECT row.device, fix_time, received_at, latitude, longitude, speed, course,
           altitude, accuracy, attributes::jsonb AS attributes, sent_time, flags,
           device.vehicle_identifier,
           coalesce(device.only_on_trip, false) AND NOT EXISTS (
               SELECT FROM trip_interval AS trip
               WHERE trip.vehicle_identifier = device.vehicle_identifier
                 AND fix_time >= trip.started_at
                 AND (trip.ended_at IS NULL OR fix_time < trip.ended_at)
           ) AS withheld
    FROM unnest(
        $1::integer[], $2::timestamptz[], $3::timestamptz[],
        $4::double precision[], $5::double precision[], $6::double precision[],
        $7::double precision[], $8::double precision[], $9::double precision[],
        $10::text[], $11::timestamptz[], $12::smallint[]
    ) AS row (
        device, fix_time, received_at, latitude, longitude, speed, course,
        altitude, accuracy, attributes, sent_time, flags
    )
    LEFT JOIN device ON device.id = row.device
), incoming AS MATERIALIZED (
    SELECT device, fix_time, received_at, latitude, longitude, speed, course,
           altitude, accuracy, attributes, sent_time, flags, vehicle_identifier
    FROM given WHERE NOT withheld
), stored AS (
    INSERT INTO fix (
        device, fix_time, received_at, latitude, longitude, speed, course,
        altitude, accuracy, attributes, sent_time, flags, vehicle_identifier
    )
    SELECT * FROM incoming ORDER BY device, fix_time
    ON CONFLICT (device, fix_time) DO NOTHING
    RETURNING device, fix_time
), newest AS (
    SELECT DISTINCT ON (device) incoming.*
    FROM incoming JOIN stored USING (device, fix_time)
    -- What a receiver without a lock (flag 4) reports is kept, but is nowhere to go to.
    WHERE NOT (latitude = 0 AND longitude = 0) AND flags & 4 = 0
    ORDER BY device, fix_time DESC
), moved AS (
    INSERT INTO last_position AS last (
        device, fix_time, received_at, latitude, longitude, speed, course,
        altitude, accuracy, attributes, sent_time, flags, vehicle_identifier
    )
    SELECT * FROM newest ORDER BY device
    ON CONFLICT (device) DO UPDATE SET
        fix_time = excluded.fix_time, received_at = excluded.received_at,
        latitude = excluded.latitude, longitude = excluded.longitude,
        speed = excluded.speed, course = excluded.course,
        altitude = excluded.altitude, accuracy = excluded.accuracy,
        attributes = excluded.attributes, sent_time = excluded.sent_time,
        flags = excluded.flags, vehicle_identifier = excluded.vehicle_identifier,
        moved_in = excluded.moved_in
    WHERE excluded.fix_time > last.fix_time
    RETURNING last.*
), queued AS (
    INSERT INTO outbox AS waiting (
        vehicle_identifier, device_id, fix_time, received_at, latitude, longitude,
        speed, course, altitude, accuracy
    )
    SELECT DISTINCT ON (device.vehicle_identifier)
           device.vehicle_identifier, device.device_id, moved.fix_time,
           moved.received_at, moved.latitude, moved.longitude, moved.speed,
           moved.course, moved.altitude, moved.accuracy
    FROM moved JOIN device ON device.id = moved.device
    ORDER BY device.vehicle_identifier, moved.fix_time DESC
    ON CONFLICT (vehicle_identifier) DO UPDATE SET
        version = excluded.version, device_id = excluded.device_id,
        fix_time = excluded.fix_time, received_at = excluded.received_at,
        latitude = excluded.latitude, longitude = excluded.longitude,
        speed = excluded.speed, course = excluded.course,
        altitude = excluded.altitude, accuracy = excluded.accuracy
    WHERE excluded.fix_time > waiting.fix_time
)
"""
_NOTE_FOR_FACTS = """
, due AS (
    INSERT INTO fact_due (device, from_time, to_time, fixes)
    SELECT device, min(fix_time), max(fix_time), count(*) FROM stored GROUP BY device
)
"""
# Mostly none: to name what was not stored is cheaper than to name all that was.
_LEFT_OUT = """
SELECT device, fix_time, withheld FROM given
WHERE NOT EXISTS (
    SELECT FROM stored
    WHERE stored.device = given.device AND stored.fix_time = given.fix_time
)
"""


# Of one alarm after the other, separated by commas; the same again changes nothing.
_ADD_ALARM = """
UPDATE {table} AS kept
SET attributes = coalesce(attributes, '{{}}') || jsonb_build_object(
    'alarm', concat_ws(',', nullif(attributes ->> 'alarm', ''), $3::text)
)
WHERE device = $1 AND fix_time = $2
  AND NOT string_to_array($3, ',')
      <@ string_to_array(coalesce(attributes ->> 'alarm', ''), ',')
"""


class StoredPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A fix as it is kept, with whose it is."""

    device_id: str
    vehicle_identifier: str
    received_at: datetime
    fix: Fix


class FixStore:
    """Writes groups of fixes."""

    def __init__(
        self, database: Database, acquire_timeout_s: float, *, facts: bool
    ) -> None:
        self._database = database
        self._statement = _STORE + (_NOTE_FOR_FACTS if facts else "") + _LEFT_OUT
        self._acquire_timeout_s = acquire_timeout_s

    async def store(self, entries: Sequence[Entry]) -> Mapping[Key, Status]:
        """Commit the rows; returns the keys of those that are not stored by it, each
        either a duplicate or withheld, because its device is on no trip.

        The keys of ``entries`` must differ from each other.
        """
        arguments = _columns(entries)
        async with self._database.pool.acquire(
            timeout=self._acquire_timeout_s
        ) as connection:
            records = await connection.fetch(self._statement, *arguments)
        return {
            (device, fix_time): Status.WITHHELD if withheld else Status.DUPLICATE
            for device, fix_time, withheld in records
        }

    async def add_alarms(self, entries: Sequence[Entry]) -> None:
        """Add each alarm to those of the stored fix with the same key, and commit."""
        rows = sorted(
            {(*entry.key, alarm) for entry in entries if (alarm := entry.fix.alarm)}
        )
        async with (
            self._database.pool.acquire(timeout=self._acquire_timeout_s) as connection,
            connection.transaction(),
        ):
            for table in ("fix", "last_position"):
                await connection.executemany(_ADD_ALARM.format(table=table), rows)


def _columns(entries: Sequence[Entry]) -> tuple[list[Any], ...]:
    fixes = [entry.fix for entry in entries]
    return (
        [entry.device for entry in entries],
        [fix.fix_time for fix in fixes],
        [entry.received_at for entry in entries],
        [fix.latitude for fix in fixes],
        [fix.longitude for fix in fixes],
        [fix.speed for fix in fixes],
        [fix.course for fix in fixes],
        [fix.altitude for fix in fixes],
        [fix.accuracy for fix in fixes],
        [
            msgspec.json.encode(fix.attributes).decode() if fix.attributes else None
            for fix in fixes
        ],
        [fix.sent_time for fix in fixes],
        [int(entry.flags) for entry in entries],
    )


async def history(
    connection: Executor,
    device: int,
    after: datetime,
    before: datetime,
    limit: int,
) -> list[asyncpg.Record]:
    """Fixes of a device, oldest first, strictly between the two times."""
    return await connection.fetch(
        """
        SELECT fix_time, received_at, latitude, longitude, speed, course, altitude,
               accuracy, attributes, sent_time, flags, vehicle_identifier
        FROM fix
        WHERE device = $1 AND fix_time > $2 AND fix_time < $3
        ORDER BY fix_time
        LIMIT $4
        """,
        device,
        after,
        before,
        limit,
    )


async def last(
    connection: Executor, vehicle_identifier: str | None, after: str, limit: int
) -> list[StoredPosition]:
    """Newest position of each device in the order of the device ids."""
    records = await connection.fetch(
        """
        SELECT device.device_id, device.vehicle_identifier AS mounted_in,
               last_position.*
        FROM last_position JOIN device ON device.id = last_position.device
        WHERE ($1::text IS NULL OR $1 = coalesce(
            last_position.vehicle_identifier, device.vehicle_identifier
        ))
          AND device.device_id > $2
        ORDER BY device.device_id
        LIMIT $3
        """,
        vehicle_identifier,
        after,
        limit,
    )
    return [
        position(record, record["device_id"], record["mounted_in"])
        for record in records
    ]


async def last_place(connection: Executor, device: int) -> tuple[float, float] | None:
    """Degrees north and east of the device's last position, if it has one."""
    record = await connection.fetchrow(
        "SELECT latitude, longitude FROM last_position WHERE device = $1", device
    )
    return None if record is None else (record["latitude"], record["longitude"])


def position(record: asyncpg.Record, device_id: str, mounted_in: str) -> StoredPosition:
    """A row of ``fix`` or ``last_position`` as a position.

    Rows from before the vehicle was kept with them count for the one that the device
    is mounted in now.
    """
    attributes = record["attributes"]
    return StoredPosition(
        device_id=device_id,
        vehicle_identifier=record["vehicle_identifier"] or mounted_in,
        received_at=record["received_at"],
        fix=Fix(
            fix_time=record["fix_time"],
            latitude=record["latitude"],
            longitude=record["longitude"],
            speed=record["speed"],
            course=record["course"],
            altitude=record["altitude"],
            accuracy=record["accuracy"],
            attributes=msgspec.json.decode(attributes) if attributes else {},
            sent_time=record["sent_time"],
            flags=Flag(record["flags"]),
        ),
    )
