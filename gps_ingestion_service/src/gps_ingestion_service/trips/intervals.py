"""SQL of when trips were open, and what they were.

It is asked for by a device that is stored on trips only, by the geofences at both ends
of a trip, and by fixes that come after the trip has ended.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.geofences.index import Fence
from gps_ingestion_service.geofences.shapes import Circle
from gps_ingestion_service.trips.progress import Pace, Trip

_TRIP = msgspec.json.Decoder(Trip)


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A trip with the time in which it was open; ``fact`` is the uuid of its fact."""

    id: int
    fact: UUID
    vehicle_identifier: str
    started_at: datetime
    ended_at: datetime | None
    trip: Trip
    pace: Pace

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether it was open at some time from ``begin`` to ``end``."""
        return self.started_at <= end and (
            self.ended_at is None or begin < self.ended_at
        )

    def fences(self) -> list[Fence]:
        """Both ends, for its vehicle. No geofence of the API has a slash."""
        trip = self.trip
        ends = (("source", trip.source), ("destination", trip.destination))
        return [
            Fence(
                geofence_id=f"trip/{trip.reference}/{name}",
                shape=Circle(place.latitude, place.longitude, trip.arrival_radius_m),
                valid_from=self.started_at,
                valid_until=self.ended_at,
                vehicle_identifier=self.vehicle_identifier,
            )
            for name, place in ends
        ]


def interval(record: asyncpg.Record) -> Interval:
    """A row of ``trip_interval``."""
    return Interval(
        id=record["id"],
        fact=record["fact"],
        vehicle_identifier=record["vehicle_identifier"],
        started_at=record["started_at"],
        ended_at=record["ended_at"],
        trip=_TRIP.decode(record["trip"]),
        pace=Pace(record["detour_factor"], record["speed"]),
    )


async def close(connection: Executor, vehicle_identifier: str) -> Interval | None:
    """The open trip of the vehicle ends now, if it has one; that one, to be looked at
    once more by :mod:`~gps_ingestion_service.trips.review`."""
    record = await connection.fetchrow(
        """
        UPDATE trip_interval SET ended_at = greatest(now(), started_at)
        WHERE vehicle_identifier = $1 AND ended_at IS NULL
        RETURNING *
        """,
        vehicle_identifier,
    )
    if record is None or record["trip"] is None:
        return None
    ended = interval(record)
    await note(connection, [ended.id])
    return ended


async def set_open(
    connection: Executor, vehicle_identifier: str, trip: Trip, pace: Pace
) -> None:
    """The trip is open since it started, or since another time if that was moved."""
    await connection.execute(
        """
        INSERT INTO trip_interval (
            vehicle_identifier, reference, started_at, trip, detour_factor, speed
        )
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (vehicle_identifier) WHERE ended_at IS NULL
        DO UPDATE SET
            reference = excluded.reference, started_at = excluded.started_at,
            trip = excluded.trip, detour_factor = excluded.detour_factor,
            speed = excluded.speed
        """,
        vehicle_identifier,
        trip.reference,
        trip.started_at,
        msgspec.json.encode(trip).decode(),
        pace.detour_factor,
        pace.speed,
    )


async def during(
    connection: Executor, spans: Sequence[tuple[str, datetime, datetime]]
) -> list[Interval]:
    """The trips of vehicles that were open at some time from one to another."""
    records = await connection.fetch(
        """
        SELECT DISTINCT known.*
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
            AS asked (vehicle_identifier, begins, ends)
        JOIN trip_interval AS known USING (vehicle_identifier)
        WHERE coalesce(ended_at, timestamptz 'infinity') > begins
          AND started_at <= ends AND trip IS NOT NULL
        ORDER BY known.id
        """,
        [vehicle_identifier for vehicle_identifier, _, _ in spans],
        [begins for _, begins, _ in spans],
        [ends for _, _, ends in spans],
    )
    return [interval(record) for record in records]


async def note(connection: Executor, trips: Iterable[int]) -> None:
    """Have ended trips looked at: they have just ended, or fixes of them came."""
    await connection.execute(
        "INSERT INTO trip_due (trip) SELECT * FROM unnest($1::bigint[])", sorted(trips)
    )


async def outside(
    connection: Executor, moments: Sequence[tuple[str, datetime]]
) -> set[int]:
    """Indices of those moments at which the vehicle had no open trip."""
    records = await connection.fetch(
        """
        SELECT asked.index FROM unnest($1::text[], $2::timestamptz[])
            WITH ORDINALITY AS asked (vehicle_identifier, moment, index)
        WHERE NOT EXISTS (
            SELECT FROM trip_interval AS trip
            WHERE trip.vehicle_identifier = asked.vehicle_identifier
              AND asked.moment >= trip.started_at
              AND asked.moment < coalesce(trip.ended_at, timestamptz 'infinity')
        )
        """,
        [vehicle_identifier for vehicle_identifier, _ in moments],
        [moment for _, moment in moments],
    )
    return {record["index"] - 1 for record in records}


async def expire(connection: Executor, age: timedelta) -> None:
    """Forget trips that ended longer ago than any fix that is still taken."""
    await connection.execute(
        "DELETE FROM trip_interval WHERE ended_at < now() - $1::interval", age
    )
