"""Fixtures: one PostgreSQL per run, one clean database and service per test."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from structlog.testing import capture_logs
from support.archive import S3, serving_s3
from support.listening import listening
from support.odoo import SECRET, FakeOdoo, serving
from support.postgres import (
    TEMPLATE,
    PostgresServer,
    create_database,
    free_port,
    make_cluster,
)
from support.service import Service, ServiceProcess, in_process, settings_for

from gps_ingestion_service import schema
from gps_ingestion_service.database import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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

# TLS has tests of its own; to ask for it in vain costs each connection a round trip.
os.environ["PGSSLMODE"] = "disable"

_WORKERS = 3
# It takes longer than any other file but the faults: nobody should wait for it alone.
_EARLY = "test_openapi_fuzz.py"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share a whole run; to start them costs more than a file.

    They wait more than they compute, so that there are more than cores.
    """
    return _WORKERS if config.args_source == config.ArgsSource.TESTPATHS else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name != _EARLY)


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster that every server of a run starts from a copy of.

    It has one database, ``gps``, with the current schema. The process that comes first
    makes it, and the others wait.
    """
    whole_run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        whole_run = whole_run.parent
    made = whole_run / "cluster"
    with (whole_run / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_symlink():
            made.symlink_to(await migrated(tmp_path_factory.mktemp("migrated")))
    return made


async def migrated(folder: Path) -> Path:
    """Make that cluster, and stop the server that it took."""
    make_cluster(folder / "empty")
    server = PostgresServer(folder / "empty", folder, durable=False)
    server.start()
    await schema.migrate(settings_for(await create_database(server, TEMPLATE)))
    server.stop()
    return server.data


@pytest.fixture(scope="session")
def postgres(
    cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A server that lives as long as the run."""
    folder = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(cluster, folder, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated_url(postgres: PostgresServer) -> str:
    """A database with the current schema, shared by the tests."""
    return postgres.url(TEMPLATE)


@pytest.fixture
async def db(migrated_url: str) -> AsyncIterator[Connection]:
    """A connection to that database, emptied first."""
    connection = await asyncpg.connect(migrated_url)
    await connection.execute(
        "DELETE FROM geofence; DELETE FROM trip; DELETE FROM trip_lesson;"
        "DELETE FROM trip_interval; DELETE FROM trip_due;"
        "DELETE FROM fact; DELETE FROM fact_due; DELETE FROM fact_checkpoint;"
        "DELETE FROM fact_state; DELETE FROM fact_parked;"
        "DELETE FROM outbox; DELETE FROM last_position;"
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
def unlogged() -> Iterator[None]:
    """Nothing is logged: on the stream of a command it would be in the midst of it."""
    with capture_logs():
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """An S3 for all tests of a process; to start one takes longer than they do."""
    with serving_s3() as server:
        yield server


@pytest.fixture
def empty_s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    """S3 without a bucket, where boto3 finds it."""
    s3_server.begin(monkeypatch)
    return s3_server.client


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
def durable(
    cluster: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    """A server that keeps what it committed, and that a test may crash."""
    folder = tmp_path_factory.mktemp("durable")
    server = PostgresServer(cluster, folder, durable=True)
    server.start()
    yield server
    server.stop("immediate")


@pytest.fixture
async def url(durable: PostgresServer) -> str:
    """A fresh database with the schema."""
    return await create_database(durable, f"faults_{uuid4().hex}", TEMPLATE)


@pytest.fixture(scope="session")
async def shared_process(
    durable: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceProcess]:
    url = await create_database(durable, "shared", TEMPLATE)
    # A load sends from few devices what comes from many.
    settings = settings_for(
        url,
        teltonika_port=free_port(),
        gt06_port=free_port(),
        device_requests_per_s=0,
    )
    log = tmp_path_factory.mktemp("service") / "service.log"
    process = ServiceProcess(settings, free_port(), log)
    yield process
    process.end()


@pytest.fixture
async def process(shared_process: ServiceProcess) -> ServiceProcess:
    """The service in its own process, with every port, on a durable database.

    Tests share it, because starting it takes longer than most of them; each brings its
    own devices, and the next one starts what it ended.
    """
    if not shared_process.is_running:
        await shared_process.start()
    return shared_process
