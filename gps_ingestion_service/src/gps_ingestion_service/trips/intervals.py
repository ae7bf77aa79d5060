"""SQL of when trips were open: what the store of fixes asks for a device that is stored
on trips only."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gps_ingestion_service.database import Executor
from gps_ingestion_service.trips.progress import Trip


async def close(connection: Executor, vehicle_identifier: str) -> None:
    """The open trip of the vehicle ends now, if it has one."""
    await connection.execute(
        """
        UPDATE trip_interval SET ended_at = greatest(now(), started_at)
        WHERE vehicle_identifier = $1 AND ended_at IS NULL
        """,
        vehicle_identifier,
    )


async def set_open(connection: Executor, vehicle_identifier: str, trip: Trip) -> None:
    """The trip is open since it started, or since another time if that was moved."""
    await connection.execute(
        """
        INSERT INTO trip_interval (vehicle_identifier, reference, started_at)
        VALUES ($1, $2, $3)
        ON CONFLICT (vehicle_identifier) WHERE ended_at IS NULL
        DO UPDATE SET reference = excluded.reference, started_at = excluded.started_at
        """,
        vehicle_identifier,
        trip.reference,
        trip.started_at,
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
              AND (trip.ended_at IS NULL OR asked.moment < trip.ended_at)
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
