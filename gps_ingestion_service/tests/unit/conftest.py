"""Fixtures: one PostgreSQL per run, one clean database and service per test."""

import os
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from support.listening import listening
from support.odoo import SECRET, FakeOdoo, serving
from support.postgres import PostgresServer, create_database
from support.service import Service, in_process, settings_for

from gps_ingestion_service import schema
from gps_ingestion_service.database import Connection

# A busy machine is not a wrong decoder: examples have no time limit. Few of them by
# default, because everybody runs them; HYPOTHESIS_PROFILE=soak looks longer.
for _name, _examples in (("tests", 30), ("soak", 5000)):
    settings.register_profile(
        _name,
        deadline=None,
        max_examples=_examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that lives as long as the run."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def migrated_url(postgres: PostgresServer) -> str:
    """A database with the current schema, shared by the tests."""
    url = await create_database(postgres, "gps")
    await schema.migrate(settings_for(url))
    return url


@pytest.fixture
async def db(migrated_url: str) -> AsyncIterator[Connection]:
    """A connection to that database, emptied first."""
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(
        "DELETE FROM geofence; DELETE FROM trip; DELETE FROM trip_lesson;"
        "DELETE FROM fact; DELETE FROM fact_due; DELETE FROM fact_checkpoint;"
        "DELETE FROM fact_state; DELETE FROM outbox; DELETE FROM last_position;"
        "DELETE FROM fix; DELETE FROM device; DELETE FROM quarantine"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def service(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service on the clean database, its devices loaded, pushing nowhere."""
    async with in_process(settings_for(migrated_url)) as running:
        await running.state.registry.load()
        yield running


@pytest.fixture
async def odoo() -> AsyncIterator[FakeOdoo]:
    """An Odoo that answers."""
    async with serving(FakeOdoo()) as running:
        yield running


@pytest.fixture
async def pushing(
    migrated_url: str, db: Connection, odoo: FakeOdoo
) -> AsyncIterator[Service]:
    """A service that pushes to that Odoo every 50 ms."""
    pushes = settings_for(migrated_url, odoo_url=odoo.url, odoo_hmac_secret=SECRET)
    async with in_process(pushes) as running:
        await running.state.registry.load()
        yield running


@pytest.fixture
async def trackers(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service with open ports and one provisioned tracker."""
    async with listening(migrated_url) as running:
        yield running


@pytest.fixture(scope="session")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that keeps what it committed, and that a test may crash."""
    server = PostgresServer(tmp_path_factory.mktemp("durable"), durable=True)
    server.start()
    yield server
    server.stop("immediate")


@pytest.fixture
async def url(durable: PostgresServer) -> str:
    """A fresh database with the schema."""
    url = await create_database(durable, f"faults_{uuid4().hex}")
    await schema.migrate(settings_for(url))
    return url
