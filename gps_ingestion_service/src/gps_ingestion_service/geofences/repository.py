"""SQL of the geofences."""

from collections.abc import Iterable
from datetime import timedelta

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.geofences.index import Fence, FenceIndex
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


async def hold_changes(connection: Executor) -> None:
    """Let no other geofence change until the transaction ends."""
    await connection.execute("SELECT FROM geofence_changes FOR UPDATE")


async def changes(connection: Executor) -> int:
    """How many changes there have been."""
    count: int = await connection.fetchval("SELECT count FROM geofence_changes")
    return count


async def load_all(connection: Executor) -> list[asyncpg.Record]:
    """Every version that is or was in force, for :func:`index_of`."""
    return await connection.fetch(
        # Those of a vehicle are from before the ends of a trip followed from the trip.
        "SELECT * FROM geofence WHERE enabled AND vehicle_identifier IS NULL"
    )


def index_of(records: Iterable[asyncpg.Record]) -> FenceIndex:
    """The geofences by place. Thousands take a second: not for the event loop."""
    return FenceIndex(
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
        )
        for record in records
    )


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
    """Put a version in force from now on, and let every replica load them again."""
    await connection.execute("UPDATE geofence_changes SET count = count + 1")
    await connection.execute(
        """
        UPDATE geofence SET valid_until = now()
        WHERE geofence_id = $1 AND valid_until IS NULL AND vehicle_identifier IS NULL
        """,
        version.geofence_id,
    )
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


async def expire(connection: Executor, age: timedelta) -> None:
    """Let go of versions that ended longer ago than ``age``."""
    await connection.execute(
        """
        DELETE FROM geofence
        WHERE valid_until < now() - $1::interval
           OR (vehicle_identifier IS NOT NULL AND valid_from < now() - $1::interval)
        """,
        age,
    )
