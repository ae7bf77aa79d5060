"""SQL of what a clock in another zone changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from gps_ingestion_service.database import Executor


class Clock(msgspec.Struct, frozen=True):
    """A device, ``device`` its short key, and the zone of its clock."""

    device: int
    utc_offset_minutes: int | None
    only_on_trip: bool


class LocalFix(msgspec.Struct, frozen=True):
    """A stored fix whose time came without a zone; ``announced`` are the minutes east
    of UTC that the device said."""

    fix_time: datetime
    sent_time: datetime
    received_at: datetime
    vehicle_identifier: str | None
    announced: int


async def lock(connection: Executor, device_id: str) -> Clock | None:
    """The clock of a device, which does not change until the transaction ends. Commits
    of its fixes go on."""
    record = await connection.fetchrow(
        """
        SELECT id AS device, utc_offset_minutes, only_on_trip FROM device
        WHERE device_id = $1 FOR NO KEY UPDATE
        """,
        device_id,
    )
    return None if record is None else Clock(**dict(record))


async def local_fixes(
    connection: Executor, device: int, start: datetime, end: datetime, limit: int
) -> list[LocalFix]:
    """The fixes from a time on and before another whose times came without a zone."""
    records = await connection.fetch(
        """
        SELECT fix_time, sent_time, received_at, vehicle_identifier,
               (attributes ->> 'announced_offset_minutes')::integer AS announced
        FROM fix
        WHERE device = $1 AND fix_time >= $2 AND fix_time < $3
          AND sent_time IS NOT NULL
          AND attributes ->> 'announced_offset_minutes' ~ '^-?[0-9]{1,3}$'
        ORDER BY fix_time
        LIMIT $4
        """,
        device,
        start,
        end,
        limit,
    )
    return [LocalFix(**dict(record)) for record in records]


async def taken(
    connection: Executor, device: int, times: Sequence[datetime]
) -> set[datetime]:
    """Those of the times that a fix of the device has."""
    records = await connection.fetch(
        """
        SELECT fix.fix_time FROM unnest($2::timestamptz[]) AS asked (fix_time)
        JOIN fix ON fix.device = $1 AND fix.fix_time = asked.fix_time
        WHERE fix.fix_time BETWEEN $3 AND $4
        """,
        device,
        times,
        min(times),
        max(times),
    )
    return {record["fix_time"] for record in records}


async def move(
    connection: Executor, device: int, moves: Mapping[datetime, datetime]
) -> None:
    """Give fixes of the device other times, and keep all else of them as it is."""
    await connection.execute(
        """
        WITH gone AS (
            DELETE FROM fix AS kept
            USING unnest($2::timestamptz[], $3::timestamptz[]) AS move (before, after)
            WHERE kept.device = $1 AND kept.fix_time = move.before
              AND kept.fix_time BETWEEN $4 AND $5
            RETURNING kept, move.after
        )
        INSERT INTO fix
        SELECT moved.* FROM gone, jsonb_populate_record(
            gone.kept, jsonb_build_object('fix_time', gone.after)
        ) AS moved
        -- All must be gone before the first comes back, for they take each other's
        -- places; and a sort reads all that it sorts.
        ORDER BY moved.fix_time
        """,
        device,
        list(moves),
        list(moves.values()),
        min(moves),
        max(moves),
    )


async def renew_last(connection: Executor, device: int) -> None:
    """Make the last position the newest fix there is now, and send it to Odoo."""
    # By itself: what a commit stored while this waited must be seen by the next.
    await connection.execute(
        "SELECT FROM last_position WHERE device = $1 FOR UPDATE", device
    )
    await connection.execute(
        """
        WITH newest AS (
            SELECT * FROM fix
            WHERE device = $1 AND NOT (latitude = 0 AND longitude = 0) AND flags & 4 = 0
            ORDER BY fix_time DESC LIMIT 1
        ), moved AS (
            UPDATE last_position AS last SET
                fix_time = newest.fix_time, received_at = newest.received_at,
                latitude = newest.latitude, longitude = newest.longitude,
                speed = newest.speed, course = newest.course,
                altitude = newest.altitude, accuracy = newest.accuracy,
                attributes = newest.attributes, sent_time = newest.sent_time,
                flags = newest.flags, vehicle_identifier = newest.vehicle_identifier,
                moved_in = pg_current_xact_id()
            FROM newest
            WHERE last.device = $1 AND (last.fix_time, last.received_at)
                IS DISTINCT FROM (newest.fix_time, newest.received_at)
            RETURNING last.*
        )
        INSERT INTO outbox AS waiting (
            vehicle_identifier, device_id, fix_time, received_at, latitude, longitude,
            speed, course, altitude, accuracy
        )
        SELECT device.vehicle_identifier, device.device_id, moved.fix_time,
               moved.received_at, moved.latitude, moved.longitude, moved.speed,
               moved.course, moved.altitude, moved.accuracy
        FROM moved JOIN device ON device.id = moved.device
        ON CONFLICT (vehicle_identifier) DO UPDATE SET
            version = excluded.version, device_id = excluded.device_id,
            fix_time = excluded.fix_time, received_at = excluded.received_at,
            latitude = excluded.latitude, longitude = excluded.longitude,
            speed = excluded.speed, course = excluded.course,
            altitude = excluded.altitude, accuracy = excluded.accuracy
        WHERE waiting.device_id = excluded.device_id
           OR excluded.fix_time > waiting.fix_time
        """,
        device,
    )


async def note_for_facts(
    connection: Executor, device: int, moves: Mapping[datetime, datetime]
) -> None:
    """Leave a note that the facts of the device from and to these times are due."""
    times = [*moves, *moves.values()]
    await connection.execute(
        """
        INSERT INTO fact_due (device, from_time, to_time, fixes)
        VALUES ($1, $2, $3, $4)
        """,
        device,
        min(times),
        max(times),
        len(moves),
    )
