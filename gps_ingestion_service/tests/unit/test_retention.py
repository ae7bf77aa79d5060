"""Days that are older than they must be kept."""

import asyncio
import csv
import errno
import gzip
import hashlib
import io
import os
import threading
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import ValidationError
from support.archive import URL, content, make_bucket, versions
from support.service import (
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service import retention as module
from gps_ingestion_service.archive import Archive
from gps_ingestion_service.database import Connection
from gps_ingestion_service.partition_keeper import PartitionKeeper
from gps_ingestion_service.partitions import (
    make_partition,
    partition_name,
    partitioned_days,
)
from gps_ingestion_service.retention import Retention

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAY_S = 86_400
TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(days=40)
NOON = datetime(OLD.year, OLD.month, OLD.day, 12, tzinfo=UTC)


def at(second: int, **values: float) -> dict[str, object]:
    return row(timestamp=(NOON + timedelta(seconds=second)).isoformat(), **values)


def retention(
    service: Service, folder: Path | None, archive: Archive | None = None
) -> Retention:
    state = service.state
    return Retention(state.database, state.metrics, 30, folder, archive)


def rows_of(exported: Path) -> list[dict[str, str]]:
    with gzip.open(exported, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
async def db(url: str) -> AsyncIterator[Connection]:
    """A connection to a database of the test's own."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def aged(url: str, db: Connection) -> AsyncIterator[Service]:
    """A service with a fix of today and two of a day that is past its retention."""
    async with db.transaction():
        await make_partition(db, OLD)
    async with in_process(settings_for(url)) as service:
        await service.state.registry.load()
        await service.provision("one")
        rows = [*(at(second, latitude=second) for second in (1, 2)), row()]
        named = [{**item, "device_id": "one"} for item in rows]
        assert (await service.post(named, GATEWAY)).json()["accepted"] == 3
        yield service


async def test_a_day_past_its_retention_is_dropped_and_others_stay(
    aged: Service, db: Connection
) -> None:
    await retention(aged, None).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    assert await db.fetchval("SELECT count(*) FROM fix") == 1
    assert 'gps_retention_days_total{outcome="dropped"}' in await aged.metrics()


async def test_a_day_is_exported_before_it_is_dropped(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    await retention(aged, tmp_path).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    (exported,) = tmp_path.iterdir()
    digest = hashlib.sha256(exported.read_bytes()).hexdigest()
    assert exported.name == f"{partition_name(OLD)}.{digest[:16]}.csv.gz"
    rows = rows_of(exported)
    assert sorted(item["latitude"] for item in rows) == ["1", "2"]
    assert {item["device_id"] for item in rows} == {"one"}
    assert {item["vehicle_identifier"] for item in rows} == {"MH12AB1234"}


async def test_a_day_that_cannot_be_exported_stays(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    again_s = await retention(aged, tmp_path / "missing").enforce(TODAY)
    assert again_s < 3600
    assert OLD in await partitioned_days(db)
    assert await db.fetchval("SELECT count(*) FROM fix") == 3
    assert 'gps_retention_days_total{outcome="failed"} 1.0' in await aged.metrics()


async def test_an_export_for_which_there_is_no_room_takes_none(
    aged: Service,
    db: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert await retention(aged, tmp_path).enforce(TODAY) < 3600
    assert OLD in await partitioned_days(db)
    assert not list(tmp_path.iterdir())


async def test_a_day_for_which_there_is_no_room_keeps_no_other(
    aged: Service,
    db: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    larger, write = OLD - timedelta(days=1), module._write
    async with db.transaction():
        await make_partition(db, larger)

    async def write_what_fits(connection: Connection, name: str, draft: Path) -> Any:
        if name == partition_name(larger):
            raise OSError(errno.ENOSPC, "No space left on device")
        return await write(connection, name, draft)

    monkeypatch.setattr(module, "_write", write_what_fits)
    assert await retention(aged, tmp_path).enforce(TODAY) < 3600
    days = await partitioned_days(db)
    assert larger in days and OLD not in days
    assert 'gps_retention_days_total{outcome="failed"} 1.0' in await aged.metrics()


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO fix SELECT device, fix_time + interval '1 h', received_at, "
        "latitude, longitude FROM fix WHERE fix_time < $1 LIMIT 1",
        # As many rows as before: a clock that was put right, an alarm that was added.
        "UPDATE fix SET fix_time = fix_time + interval '1 h' WHERE fix_time < $1",
        'UPDATE fix SET attributes = \'{"alarm": "sos"}\' WHERE fix_time < $1',
    ],
)
async def test_a_day_that_changes_while_it_is_exported_stays_until_the_next_time(
    aged: Service,
    db: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    export = module._export

    async def export_and_change(connection: Connection, day: date, to: Path) -> Any:
        exported = await export(connection, day, to)
        assert await db.execute(change, NOON + timedelta(days=1)) not in (
            "UPDATE 0",
            "INSERT 0 0",
        )
        return exported

    with monkeypatch.context() as patch:
        patch.setattr(module, "_export", export_and_change)
        await retention(aged, tmp_path).enforce(TODAY)
    assert OLD in await partitioned_days(db)
    assert 'gps_retention_days_total{outcome="changed"} 1.0' in await aged.metrics()
    kept = await db.fetchval(f"SELECT count(*) FROM {partition_name(OLD)}")
    await retention(aged, tmp_path).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    (exported,) = tmp_path.iterdir()
    assert len(rows_of(exported)) == kept


async def test_a_day_that_comes_back_is_exported_beside_what_was_of_it(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    await retention(aged, tmp_path).enforce(TODAY)
    async with db.transaction():
        await make_partition(db, OLD)
    await aged.post([{**at(3, latitude=3), "device_id": "one"}], GATEWAY)
    await retention(aged, tmp_path).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    rows = [item for file in tmp_path.iterdir() for item in rows_of(file)]
    assert sorted(item["latitude"] for item in rows) == ["1", "2", "3"]


async def test_a_fix_whose_device_is_deleted_keeps_no_day(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    await db.execute(
        "INSERT INTO fix (device, fix_time, received_at, latitude, longitude) "
        "VALUES (-1, $1, $1, 0, 0)",
        NOON,
    )
    await retention(aged, tmp_path).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    (exported,) = tmp_path.iterdir()
    assert {item["device_id"] for item in rows_of(exported)} == {"one"}


async def test_one_that_lost_its_session_writes_into_no_file_of_its_successor(
    aged: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, writes, go_on = gzip.GzipFile.write, threading.Event(), threading.Event()

    def hang(packed: gzip.GzipFile, data: bytes) -> int:
        monkeypatch.setattr(gzip.GzipFile, "write", write)
        writes.set()
        go_on.wait()
        return write(packed, data)

    monkeypatch.setattr(gzip.GzipFile, "write", hang)
    lost, successor = [await aged.state.database.connect() for _ in range(2)]
    exporting = asyncio.create_task(module._export(lost, OLD, tmp_path))
    await asyncio.to_thread(writes.wait)
    exported = await module._export(successor, OLD, tmp_path)
    go_on.set()
    with pytest.raises(FileNotFoundError):
        await exporting
    assert list(tmp_path.iterdir()) == [exported.file]
    assert len(rows_of(exported.file)) == exported.rows == 2
    for connection in (lost, successor):
        await connection.close()


async def test_old_fixes_that_got_their_day_late_go_as_well(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    await aged.post([{**at(-10 * DAY_S), "device_id": "one"}], GATEWAY)

    async def has_its_day() -> bool:
        # The keeper of the service may be at it already, and then this one is not.
        await PartitionKeeper(aged.state.database, 1).keep(TODAY)
        return OLD - timedelta(days=10) in await partitioned_days(db)

    await eventually(has_its_day, "the old fix is in a partition of its day")
    await retention(aged, tmp_path).enforce(TODAY)
    assert await db.fetchval("SELECT count(*) FROM fix") == 1
    assert len(list(tmp_path.iterdir())) == 2


async def test_fixes_are_taken_while_a_day_waits_for_somebody_who_reads(
    aged: Service, db: Connection, tmp_path: Path
) -> None:
    async with db.transaction():
        await db.fetch("SELECT FROM ONLY fix")
        dropping = asyncio.create_task(retention(aged, tmp_path).enforce(TODAY))

        async def waits() -> bool:
            return bool(await db.fetchval("""
                SELECT true FROM pg_locks WHERE relation = 'fix'::regclass
                  AND mode = 'AccessExclusiveLock' AND NOT granted
                """))

        await eventually(waits, "the day is about to be dropped")
        response = await aged.post([{**row(1), "device_id": "one"}], GATEWAY)
        assert response.status_code == 200
        await dropping
        assert OLD in await partitioned_days(db)
    await retention(aged, tmp_path).enforce(TODAY)
    assert OLD not in await partitioned_days(db)


async def test_a_day_is_in_the_archive_before_it_is_dropped(
    aged: Service, db: Connection, tmp_path: Path, empty_s3: "S3Client"
) -> None:
    make_bucket(empty_s3)
    await retention(aged, tmp_path, Archive(URL)).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    (key,) = versions(empty_s3)
    assert key.startswith(f"gps/{partition_name(OLD)}.")
    rows = csv.DictReader(io.StringIO(gzip.decompress(content(empty_s3, key)).decode()))
    assert sorted(item["latitude"] for item in rows) == ["1", "2"]
    assert not list(tmp_path.iterdir())


async def test_a_day_that_the_archive_refuses_stays_until_it_takes_it(
    aged: Service, db: Connection, tmp_path: Path, empty_s3: "S3Client"
) -> None:
    dropping = retention(aged, tmp_path, Archive(URL))
    again_s = await dropping.enforce(TODAY)
    assert again_s < 3600
    assert await db.fetchval("SELECT count(*) FROM fix") == 3
    assert 'gps_retention_days_total{outcome="failed"} 1.0' in await aged.metrics()
    assert not list(tmp_path.iterdir())
    make_bucket(empty_s3)
    assert "gps_retention_overdue_days 1.0" in await aged.metrics()
    await dropping.enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    assert "gps_retention_overdue_days 0.0" in await aged.metrics()


async def test_a_day_that_was_archived_and_not_dropped_is_archived_once(
    aged: Service, db: Connection, tmp_path: Path, empty_s3: "S3Client"
) -> None:
    make_bucket(empty_s3)
    async with db.transaction():
        await db.fetch("SELECT FROM ONLY fix")
        await retention(aged, tmp_path, Archive(URL)).enforce(TODAY)
        assert OLD in await partitioned_days(db)
        assert len(versions(empty_s3)) == 1
    await retention(aged, tmp_path, Archive(URL)).enforce(TODAY)
    assert OLD not in await partitioned_days(db)
    assert len(versions(empty_s3)) == 1


async def test_another_replica_does_not_do_it_a_second_time(
    aged: Service, db: Connection
) -> None:
    other = await aged.state.database.connect()
    await other.execute("SELECT pg_advisory_lock($1)", 0x6770735F706172 + 1)
    await retention(aged, None).enforce(TODAY)
    await other.close()
    assert OLD in await partitioned_days(db)
    # It says what it sees: the other one may never come to an end.
    assert "gps_retention_overdue_days 1.0" in await aged.metrics()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"retention_days": 30, "max_age_days": 366}, "GPS_RETENTION_DAYS"),
        ({"export_dir": "."}, "GPS_RETENTION_DAYS"),
        ({"retention_days": 400, "export_dir": "/nowhere"}, "GPS_EXPORT_DIR"),
        ({"retention_days": 400, "export_url": "s3://archive"}, "GPS_EXPORT_DIR"),
        ({"export_dir": ".", "export_url": "s3://archive"}, "GPS_RETENTION_DAYS"),
        ({"retention_days": 400, "export_url": "https://archive"}, "export_url"),
    ],
)
def test_settings_that_would_lose_fixes_are_refused(
    values: dict[str, object], named: str
) -> None:
    with pytest.raises(ValidationError, match=named):
        settings_for("postgresql://nowhere", **values)


async def test_the_service_enforces_it_while_it_runs(
    aged: Service, db: Connection, url: str, tmp_path: Path, empty_s3: "S3Client"
) -> None:
    make_bucket(empty_s3)
    settings = settings_for(
        url,
        retention_days=30,
        max_age_days=20,
        export_dir=str(tmp_path),
        export_url=URL,
    )
    async with in_process(settings):

        async def dropped() -> bool:
            return OLD not in await partitioned_days(db)

        await eventually(dropped, "the day is dropped")
        assert len(versions(empty_s3)) == 1
