"""Days that are older than they must be kept: exported, then dropped."""

import asyncio
import gzip
import hashlib
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import structlog

from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.partitions import (
    PARTITION_LOCK,
    SHORT_LOCKS,
    partition_name,
    partitioned_days,
)

if TYPE_CHECKING:
    from gps_ingestion_service.archive import Archive

_CHECK_EVERY_S = 3600.0
_RETRY_AFTER_S = 300.0
# A day of a large fleet takes minutes to write.
_EXPORT_TIMEOUT_S = 3600.0
# It reads a whole day, while nobody writes to that one. asyncpg's limit is there for a
# server that hangs.
_COMPARE = "SET LOCAL statement_timeout = '300s'"
_COMPARE_TIMEOUT_S = 305.0
# What is of no device any more came while that was deleted, and goes with its day.
_EXPORT = """
SELECT device.device_id, coalesce(kept.vehicle_identifier, device.vehicle_identifier)
       AS vehicle_identifier, kept.fix_time, kept.received_at, kept.latitude,
       kept.longitude, kept.speed, kept.course, kept.altitude, kept.accuracy,
       kept.attributes, kept.sent_time, concat_ws(
           ' ', CASE WHEN kept.flags & 1 <> 0 THEN 'mock_location' END,
           CASE WHEN kept.flags & 2 <> 0 THEN 'impossible_jump' END,
           CASE WHEN kept.flags & 4 <> 0 THEN 'no_lock' END
       ) AS flags
FROM {table} AS kept JOIN device ON device.id = kept.device
ORDER BY kept.device, kept.fix_time
"""
# A row that was added or changed since was written by a transaction that had not ended
# then, or by a later one. The number of one that is frozen for long may have turned.
_IS_AS_EXPORTED = """
SELECT count(*) = $1 AND NOT coalesce(
    bool_or(age(kept.xmin) BETWEEN 0 AND age($2::text::xid)), false
)
FROM {table} AS kept JOIN device ON device.id = kept.device
"""

log = structlog.stdlib.get_logger(__name__)


class Exported(msgspec.Struct, frozen=True):
    """The file of a day, its rows, and the oldest transaction, as PostgreSQL numbers
    them, that had not ended when they were read."""

    file: Path
    rows: int
    horizon: str


class ArchiveError(OSError):
    """The archive cannot be asked, refuses a file, or keeps another than it got."""


class Retention:
    """Drops whole days. With ``folder``, each is a gzipped CSV in it before; where that
    file cannot be written, the day stays. With ``archive``, the file goes there, and
    the day stays until it is there."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        days: int,
        folder: Path | None = None,
        archive: "Archive | None" = None,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._days = days
        self._folder = folder
        self._archive = archive

    async def run(self) -> None:
        """Check every hour; after a failure, sooner. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.enforce(datetime.now(UTC).date()))

    async def enforce(self, today: date) -> float:
        """Drop what is due on that UTC day; the seconds until the next check."""
        try:
            all_gone = await self._enforce(today - timedelta(days=self._days))
        except Exception as error:
            if not is_outage(error):
                raise
            self._failed(error)
            return _RETRY_AFTER_S
        return _CHECK_EVERY_S if all_gone else _RETRY_AFTER_S

    def _failed(self, error: Exception) -> None:
        self._metrics.retention.labels("failed").inc()
        log.warning("day_not_dropped", error=str(error) or type(error).__name__)

    async def _enforce(self, first_kept: date) -> bool:
        """False where the file of a day could not be written."""
        connection = await self._database.connect()
        try:
            await connection.execute("SET statement_timeout = 0")
            # Said by every replica: the one that drops may die of it, again and again.
            await self._due(connection, first_kept)
            # One replica does it; held by the session, it goes with the connection.
            if not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", PARTITION_LOCK + 1
            ):
                return True
            all_gone = True
            for day in await self._due(connection, first_kept):
                try:
                    await self._let_go(connection, day)
                except (ArchiveError, ConnectionError, TimeoutError):
                    raise
                except OSError as error:
                    # One that does not fit into the folder must not keep all others.
                    self._failed(error)
                    all_gone = False
            return all_gone
        finally:
            connection.terminate()

    async def _due(self, connection: Connection, first_kept: date) -> list[date]:
        """Days that are past their retention, the oldest first."""
        days = await partitioned_days(connection)
        due = sorted(day for day in days if day < first_kept)
        self._metrics.retention_overdue.set(len(due))
        return due

    async def _let_go(self, connection: Connection, day: date) -> None:
        exported = None
        if self._folder is not None:
            exported = await _export(connection, day, self._folder)
            await self._move_to_archive(exported.file)
        dropped = await _drop(connection, day, exported)
        if exported is not None and not dropped:
            # The next attempt exports the day as it is then.
            exported.file.unlink(missing_ok=True)
        outcome = "dropped" if dropped else "changed"
        if dropped:
            self._metrics.retention_overdue.dec()
        self._metrics.retention.labels(outcome).inc()
        log.info("day_exported_and_dropped", day=str(day), outcome=outcome)

    async def _move_to_archive(self, file: Path) -> None:
        if self._archive is None:
            return
        try:
            await self._archive.keep(file)
        finally:
            # Also after a failure: the next attempt exports the day as it is then.
            file.unlink(missing_ok=True)


async def _export(connection: Connection, day: date, folder: Path) -> Exported:
    """Write a day to ``fix_20261123.0123456789abcdef.csv.gz``, whole or not at all.

    The digits begin the file's SHA-256: the same rows are the same file, and those of a
    day that came back are another one beside it.

    Raises:
        OSError: the file cannot be written.
    """
    name = partition_name(day)
    for abandoned in folder.glob(f"{name}.*.part"):
        abandoned.unlink(missing_ok=True)
    # Of its own: one that lost its session, and the lock with it, may still write.
    draft = folder / f"{name}.{uuid4().hex}.part"
    try:
        rows, horizon = await _write(connection, name, draft)
        digest = await asyncio.to_thread(_digest, draft)
        target = draft.replace(folder / f"{name}.{digest[:16]}.csv.gz")
    finally:
        # Where the folder is full, it must not stay so.
        draft.unlink(missing_ok=True)
    _sync_folder(folder)
    return Exported(target, rows, horizon)


async def _write(connection: Connection, name: str, draft: Path) -> tuple[int, str]:
    """Write a partition to a file that is not there yet; how many rows, and the oldest
    transaction that had not ended when they were read."""
    with draft.open("xb") as file:
        with gzip.GzipFile(f"{name}.csv", "wb", fileobj=file, mtime=0) as packed:

            async def write(chunk: bytes) -> None:
                await asyncio.to_thread(packed.write, chunk)

            async with connection.transaction(
                isolation="repeatable_read", readonly=True
            ):
                horizon: str = await connection.fetchval(
                    "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
                )
                status: str = await connection.copy_from_query(
                    _EXPORT.format(table=name),
                    output=write,
                    format="csv",
                    header=True,
                    timeout=_EXPORT_TIMEOUT_S,
                )
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return int(status.removeprefix("COPY ")), horizon


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a renamed file survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _drop(connection: Connection, day: date, exported: Exported | None) -> bool:
    """Drop a day; False where it may not be any more what was exported."""
    name = partition_name(day)
    async with connection.transaction():
        await connection.execute(SHORT_LOCKS)
        if exported is not None:
            await connection.execute(f"LOCK TABLE {name} IN SHARE MODE")
            await connection.execute(_COMPARE)
            if not await connection.fetchval(
                _IS_AS_EXPORTED.format(table=name),
                exported.rows,
                exported.horizon,
                timeout=_COMPARE_TIMEOUT_S,
            ):
                return False
            await connection.execute(SHORT_LOCKS)
        await connection.execute(f"ALTER TABLE fix DETACH PARTITION {name}")
        await connection.execute(f"DROP TABLE {name}")
    return True
