"""SQL of the trips."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.facts.repository import stored
from gps_ingestion_service.trips.intervals import Interval, interval
from gps_ingestion_service.trips.progress import Lesson, Pace, Place, Seen, Trip

# Any number that no other pair of keys begins with.
_LOCK = 0x7472
# Fixes of so long are read at once: 10,000 where one comes every second.
_PART = timedelta(hours=3)
_LATER_FIRST_S = 60.0
_LATER_LONGEST_S = 3600.0
_LESSONS_OF_LANE = 20
_LESSONS_OF_ALL = 200


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The trip of a vehicle, or none, at the version of its owner, and the pace that
    was learned when it was set."""

    vehicle_identifier: str
    version: int
    trip: Trip | None
    pace: Pace


def _assignment(record: asyncpg.Record) -> Assignment:
    trip = record["trip"]
    return Assignment(
        vehicle_identifier=record["vehicle_identifier"],
        version=record["version"],
        trip=None if trip is None else msgspec.json.decode(trip, type=Trip),
        pace=Pace(record["detour_factor"], record["speed"]),
    )


async def hold(connection: Executor, vehicle_identifier: str) -> None:
    """Let nobody else set the vehicle's trip until the transaction ends. Wait for an
    evaluation of its devices, and let none begin. To be called before :func:`find`, in
    the order of the locks of an evaluation."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, vehicle_identifier
    )
    await connection.execute(
        """
        SELECT FROM fact_state
        WHERE device IN (SELECT id FROM device WHERE vehicle_identifier = $1)
        ORDER BY device
        FOR UPDATE
        """,
        vehicle_identifier,
    )


async def look_again(
    connection: Executor, vehicle_identifier: str, since: datetime
) -> None:
    """Have the facts of the vehicle's devices evaluated again from then on."""
    await connection.execute(
        """
        INSERT INTO fact_due (device, from_time, to_time)
        SELECT device, $2, seen_until
        FROM fact_state JOIN device ON device.id = fact_state.device
        WHERE vehicle_identifier = $1 AND seen_until >= $2
        """,
        vehicle_identifier,
        since,
    )


async def find(
    connection: Executor, vehicle_identifiers: Sequence[str], *, lock: bool = False
) -> list[Assignment]:
    """What the vehicles are to do, in the order of their identifiers; with ``lock``
    nobody else changes it until the transaction ends."""
    records = await connection.fetch(
        """
        SELECT * FROM trip WHERE vehicle_identifier = ANY($1::text[])
        ORDER BY vehicle_identifier
        """ + ("FOR UPDATE" if lock else ""),
        vehicle_identifiers,
    )
    return [_assignment(record) for record in records]


async def put(connection: Executor, assignment: Assignment) -> None:
    """Store what the vehicle is to do."""
    trip = assignment.trip
    await connection.execute(
        """
        INSERT INTO trip (vehicle_identifier, version, trip, detour_factor, speed)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (vehicle_identifier) DO UPDATE SET
            version = excluded.version, trip = excluded.trip,
            detour_factor = excluded.detour_factor, speed = excluded.speed
        """,
        assignment.vehicle_identifier,
        assignment.version,
        None if trip is None else msgspec.json.encode(trip).decode(),
        assignment.pace.detour_factor,
        assignment.pace.speed,
    )


async def facts(
    connection: Executor, uuids: Sequence[UUID]
) -> dict[UUID, tuple[int, Stored]]:
    """The facts of trips by their uuids, those that were told, and which device did."""
    records = await connection.fetch(
        "SELECT * FROM fact WHERE uuid = ANY($1::uuid[])", uuids
    )
    return {record["uuid"]: (record["device"], stored(record)) for record in records}


_PLACES = """
SELECT fix.device, fix_time, latitude, longitude
FROM device JOIN fix ON fix.device = device.id
WHERE device.vehicle_identifier = $1 AND fix.vehicle_identifier = $1
  AND fix_time >= $2 AND fix_time < $3 AND flags = 0
  AND NOT (latitude = 0 AND longitude = 0)
ORDER BY fix_time, fix.device
"""


async def last_seen(
    connection: Executor,
    vehicle_identifier: str,
    since: datetime,
    until: datetime | None = None,
) -> tuple[int, Seen] | None:
    """Where the vehicle is, or was before ``until``, by its newest fix since then that
    is not doubtful; and the device that it is of."""
    record = await connection.fetchrow(
        """
        SELECT seen.* FROM device CROSS JOIN LATERAL (
            SELECT device, fix_time, latitude, longitude FROM fix
            WHERE fix.device = device.id AND fix.vehicle_identifier = $1
              AND fix_time >= $2 AND fix_time < coalesce($3, timestamptz 'infinity')
              AND flags = 0 AND NOT (latitude = 0 AND longitude = 0)
            ORDER BY fix_time DESC
            LIMIT 1
        ) AS seen
        WHERE device.vehicle_identifier = $1
        ORDER BY fix_time DESC
        LIMIT 1
        """,
        vehicle_identifier,
        since,
        until,
    )
    return None if record is None else (record["device"], _seen(record))


async def way(
    connection: Executor, interval: Interval
) -> AsyncGenerator[list[Seen], None]:
    """Where the vehicle was during an ended trip, part by part in order of time, but
    for doubtful fixes."""
    vehicle, end = interval.vehicle_identifier, interval.ended_at
    begin: datetime | None = interval.started_at
    while begin is not None and end is not None and begin < end:
        until = min(begin + _PART, end)
        records = await connection.fetch(_PLACES, vehicle, begin, until)
        if records:
            yield [_seen(record) for record in records]
            begin = until
        else:
            begin = await _next_fix(connection, vehicle, until)


async def _next_fix(
    connection: Executor, vehicle_identifier: str, since: datetime
) -> datetime | None:
    time: datetime | None = await connection.fetchval(
        """
        SELECT min(next.fix_time) FROM device CROSS JOIN LATERAL (
            SELECT fix_time FROM fix
            WHERE fix.device = device.id AND fix_time >= $2
            ORDER BY fix_time
            LIMIT 1
        ) AS next
        WHERE device.vehicle_identifier = $1
        """,
        vehicle_identifier,
        since,
    )
    return time


def _seen(record: asyncpg.Record) -> Seen:
    return Seen(record["fix_time"], Place(record["latitude"], record["longitude"]))


async def claim_due(connection: Executor) -> Interval | None:
    """The ended trip that has waited longest to be looked at, locked until the
    transaction ends; other replicas pass over it. Its notes are taken: what they stand
    for can be seen from now on."""
    record = await connection.fetchrow("""
        SELECT known.*
        FROM trip_due AS due JOIN trip_interval AS known ON known.id = due.trip
        WHERE not_before <= now()
        ORDER BY due.id
        LIMIT 1
        FOR NO KEY UPDATE OF known SKIP LOCKED
        """)
    if record is None:
        return None
    await connection.execute("DELETE FROM trip_due WHERE trip = $1", record["id"])
    return interval(record)


async def postpone_due(connection: Executor, trip: int) -> None:
    """Look at that trip later, twice as late each time."""
    await connection.execute(
        """
        UPDATE trip_due
        SET failures = failures + 1,
            not_before = now() + make_interval(
                secs => least($2 * 2.0 ^ least(failures, 20), $3)
            )
        WHERE trip = $1
        """,
        trip,
        _LATER_FIRST_S,
        _LATER_LONGEST_S,
    )


async def set_lesson(
    connection: Executor, interval: Interval, lesson: Lesson | None
) -> None:
    """Remember what a trip taught, instead of what it did before."""
    if lesson is None:
        await connection.execute("DELETE FROM trip_lesson WHERE trip = $1", interval.id)
        return
    await connection.execute(
        """
        INSERT INTO trip_lesson (trip, lane, direct_m, driven_m, duration_s)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (trip) DO UPDATE SET
            direct_m = excluded.direct_m, driven_m = excluded.driven_m,
            duration_s = excluded.duration_s
        """,
        interval.id,
        interval.trip.lane,
        lesson.direct_m,
        lesson.driven_m,
        lesson.duration_s,
    )


async def lessons(connection: Executor, lane: str) -> list[Lesson]:
    """What the last trips on the lane taught or, where there was none, all trips."""
    records = await connection.fetch(
        """
        SELECT direct_m, driven_m, duration_s FROM trip_lesson
        WHERE lane = $1 ORDER BY id DESC LIMIT $2
        """,
        lane,
        _LESSONS_OF_LANE,
    )
    if not records:
        records = await connection.fetch(
            """
            SELECT direct_m, driven_m, duration_s FROM trip_lesson
            ORDER BY id DESC LIMIT $1
            """,
            _LESSONS_OF_ALL,
        )
    return [Lesson(*record) for record in records]


async def expire(connection: Executor, age: timedelta) -> None:
    """Forget what trips taught longer ago than ``age``."""
    await connection.execute(
        "DELETE FROM trip_lesson WHERE learned_at < now() - $1::interval", age
    )
