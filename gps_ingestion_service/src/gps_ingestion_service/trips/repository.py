"""SQL of the trips."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.model import Kind
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.facts.repository import stored
from gps_ingestion_service.trips.progress import Lesson, Pace, Place, Seen, Trip

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


async def hold_evaluation(connection: Executor, vehicle_identifier: str) -> None:
    """Wait for an evaluation of the vehicle's devices, and let none begin until the
    transaction ends. To be called before :func:`find`, in the order of the locks of an
    evaluation."""
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
    connection: Executor, vehicle_identifiers: Sequence[str]
) -> list[tuple[int, Stored]]:
    """The facts of the vehicles' open trips, each with the device that told it."""
    records = await connection.fetch(
        """
        SELECT * FROM fact
        WHERE vehicle_identifier = ANY($1::text[]) AND kind = $2 AND ended_at IS NULL
        """,
        vehicle_identifiers,
        Kind.TRIP,
    )
    return [(record["device"], stored(record)) for record in records]


async def last_seen(
    connection: Executor, vehicle_identifier: str, since: datetime
) -> Seen | None:
    """Where the vehicle is, by its newest fix since then that is not doubtful."""
    record = await connection.fetchrow(
        """
        SELECT seen.* FROM device CROSS JOIN LATERAL (
            SELECT fix_time, latitude, longitude FROM fix
            WHERE fix.device = device.id AND fix.vehicle_identifier = $1
              AND fix_time >= $2 AND flags = 0
              AND NOT (latitude = 0 AND longitude = 0)
            ORDER BY fix_time DESC
            LIMIT 1
        ) AS seen
        WHERE device.vehicle_identifier = $1
        ORDER BY fix_time DESC
        LIMIT 1
        """,
        vehicle_identifier,
        since,
    )
    return None if record is None else _seen(record)


async def way(
    connection: Executor, vehicle_identifier: str, since: datetime
) -> list[Seen]:
    """Where the vehicle was since then, in order of time, but for doubtful fixes."""
    records = await connection.fetch(
        """
        SELECT fix_time, latitude, longitude FROM fix
        WHERE device IN (SELECT id FROM device WHERE vehicle_identifier = $1)
          AND vehicle_identifier = $1 AND fix_time >= $2 AND flags = 0
          AND NOT (latitude = 0 AND longitude = 0)
        ORDER BY fix_time
        """,
        vehicle_identifier,
        since,
    )
    return [_seen(record) for record in records]


def _seen(record: asyncpg.Record) -> Seen:
    return Seen(record["fix_time"], Place(record["latitude"], record["longitude"]))


async def add_lesson(connection: Executor, lane: str, lesson: Lesson) -> None:
    """Remember what a trip taught."""
    await connection.execute(
        """
        INSERT INTO trip_lesson (lane, direct_m, driven_m, duration_s)
        VALUES ($1, $2, $3, $4)
        """,
        lane,
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
