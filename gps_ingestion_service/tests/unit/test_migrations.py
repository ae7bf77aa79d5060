"""Migrations that carry over what is stored."""

from collections.abc import AsyncIterator
from importlib import import_module
from pkgutil import iter_modules

import asyncpg
import pytest
from support.driving import after
from support.postgres import PostgresServer, create_database

from gps_ingestion_service.database import Connection
from gps_ingestion_service.migrations import versions
from gps_ingestion_service.trips import intervals
from gps_ingestion_service.trips.progress import Place


async def run(db: Connection, first: str, last: str) -> None:
    """What Alembic does from one revision to another."""
    for name in sorted(module.name for module in iter_modules(versions.__path__)):
        module = import_module(f"{versions.__name__}.{name}")
        if first <= module.revision <= last:
            for statement in module.STATEMENTS:
                await db.execute(statement)


@pytest.fixture
async def empty(postgres: PostgresServer) -> AsyncIterator[Connection]:
    """A database without a schema."""
    connection = await asyncpg.connect(await create_database(postgres, "migrated"))
    yield connection
    await connection.close()


async def test_trips_that_have_ended_keep_their_ends_and_their_facts(
    empty: Connection,
) -> None:
    await run(empty, "0001", "0011")
    for name, longitude in (("source", 73.0), ("destination", 74.0)):
        await empty.execute(
            """
            INSERT INTO geofence (
                geofence_id, version, enabled, name, shape, hysteresis_m,
                vehicle_identifier, valid_from, valid_until
            )
            VALUES ($1, 1, true, '', $2, 30, 'MH1', $3, $4)
            """,
            f"trip/T1/{name}",
            '{"type": "circle", "latitude": 1.5, "radius_m": 300.0, '
            f'"longitude": {longitude}}}',
            after(0),
            after(60),
        )
    await empty.execute(
        "INSERT INTO trip_interval VALUES ('MH1', 'T1', $1, $2)", after(0), after(60)
    )
    await empty.execute(
        """
        INSERT INTO fact (
            uuid, revision, device, vehicle_identifier, kind, subject, started_at,
            ended_at, settled_at, latitude, longitude, data, retracted
        )
        VALUES (gen_random_uuid(), 1, 1, 'MH1', 'trip', 'T1', $1, $2, $2, 0, 0, '{}',
                false)
        """,
        after(0),
        after(60.01),
    )
    await run(empty, "0012", "0012")
    (trip,) = await intervals.during(empty, [("MH1", after(10), after(20))])
    assert (trip.trip.source, trip.trip.destination) == (Place(1.5, 73), Place(1.5, 74))
    assert (trip.trip.started_at, trip.trip.arrival_radius_m) == (after(0), 300)
    assert trip.fact == await empty.fetchval("SELECT uuid FROM fact")
