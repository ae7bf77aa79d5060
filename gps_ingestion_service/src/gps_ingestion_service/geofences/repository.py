"""SQL of the geofences."""

from datetime import timedelta

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.geofences.index import Fence
from gps_ingestion_service.geofences.shapes import Shape

_SHAPE = msgspec.json.Decoder(Shape)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What its owner says of a geofence; seconds, metres."""

    geofence_id: str
    version: int
    enabled: bool
    name: str
    shape: Shape
    hysteresis_m: float
    dwell_s: float | None


def _version(record: asyncpg.Record) -> Version:
    return Version(
        geofence_id=record["geofence_id"],
        version=record["version"],
        enabled=record["enabled"],
        name=record["name"],
        shape=_SHAPE.decode(record["shape"]),
        hysteresis_m=record["hysteresis_m"],
        dwell_s=record["dwell_s"],
    )


async def count_change(connection: Executor) -> None:
    """Let every replica load the geofences again, and no other change them until the
    transaction ends."""
    await connection.execute("UPDATE geofence_changes SET count = count + 1")


async def changes(connection: Executor) -> int:
    """How many changes there have been."""
    count: int = await connection.fetchval("SELECT count FROM geofence_changes")
    return count


async def load_all(connection: Executor) -> list[Fence]:
    """Every version that is or was in force."""
    records = await connection.fetch("SELECT * FROM geofence WHERE enabled")
    return [
        Fence(
            geofence_id=record["geofence_id"],
            shape=_SHAPE.decode(record["shape"]),
            valid_from=record["valid_from"],
            valid_until=record["valid_until"],
            hysteresis_m=record["hysteresis_m"],
            dwell=(
                None
                if record["dwell_s"] is None
                else timedelta(seconds=record["dwell_s"])
            ),
            vehicle_identifier=record["vehicle_identifier"],
        )
        for record in records
    ]


async def current(connection: Executor, geofence_id: str) -> Version | None:
    """The version in force of one that is there for every vehicle."""
    record = await connection.fetchrow(
        """
        SELECT * FROM geofence
        WHERE geofence_id = $1 AND valid_until IS NULL AND vehicle_identifier IS NULL
        """,
        geofence_id,
    )
    return None if record is None else _version(record)


async def page(connection: Executor, after: str, limit: int) -> list[Version]:
    """At most ``limit`` of those whose id comes after ``after``."""
    records = await connection.fetch(
        """
        SELECT * FROM geofence
        WHERE geofence_id > $1 AND valid_until IS NULL AND vehicle_identifier IS NULL
        ORDER BY geofence_id
        LIMIT $2
        """,
        after,
        limit,
    )
    return [_version(record) for record in records]


async def replace(connection: Executor, version: Version) -> None:
    """Put a version in force from now on."""
    await close(connection, version.geofence_id, None)
    await connection.execute(
        """
        INSERT INTO geofence (
            geofence_id, version, enabled, name, shape, hysteresis_m, dwell_s,
            valid_from
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, now())
        """,
        version.geofence_id,
        version.version,
        version.enabled,
        version.name,
        msgspec.json.encode(version.shape).decode(),
        version.hysteresis_m,
        version.dwell_s,
    )


async def close(
    connection: Executor, geofence_id: str, vehicle_identifier: str | None
) -> None:
    """End the version in force, for every vehicle or for one."""
    await connection.execute(
        """
        UPDATE geofence SET valid_until = now()
        WHERE geofence_id = $1 AND valid_until IS NULL
          AND vehicle_identifier IS NOT DISTINCT FROM $2
        """,
        geofence_id,
        vehicle_identifier,
    )


async def insert(connection: Executor, fence: Fence, version: int) -> None:
    """Add one that is there for its vehicle only."""
    await connection.execute(
        """
        INSERT INTO geofence (
            geofence_id, version, enabled, name, shape, hysteresis_m,
            vehicle_identifier, valid_from
        )
        VALUES ($1, $2, true, '', $3, $4, $5, $6)
        """,
        fence.geofence_id,
        version,
        msgspec.json.encode(fence.shape).decode(),
        fence.hysteresis_m,
        fence.vehicle_identifier,
        fence.valid_from,
    )


async def expire(connection: Executor, age: timedelta) -> None:
    """Let go of versions that ended longer ago than ``age``."""
    await connection.execute(
        "DELETE FROM geofence WHERE valid_until < now() - $1::interval", age
    )
