"""Days that are older than they must be kept: exported, then dropped."""

import asyncio
import gzip
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import structlog

from gps_ingestion_service.archive import Archive
from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.partitions import (
    PARTITION_LOCK,
    SHORT_LOCKS,
    partition_name,
    partitioned_days,
)

_CHECK_EVERY_S = 3600.0
_RETRY_AFTER_S = 300.0
# A day of a large fleet takes minutes to write.
_EXPORT_TIMEOUT_S = 3600.0
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

log = structlog.stdlib.get_logger(__name__)


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
        archive: Archive | None = None,
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
            await self._enforce(today - timedelta(days=self._days))
        except Exception as error:
            if not is_outage(error):
                raise
            self._metrics.retention.labels("failed").inc()
            log.warning("day_not_dropped", error=str(error) or type(error).__name__)
            return _RETRY_AFTER_S
        return _CHECK_EVERY_S

    async def _enforce(self, first_kept: date) -> None:
        connection = await self._database.connect()
        try:
            await connection.execute("SET statement_timeout = 0")
            # One replica does it; held by the session, it goes with the connection.
            if not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", PARTITION_LOCK + 1
            ):
                return
            days = await partitioned_days(connection)
            for day in sorted(day for day in days if day < first_kept):
                rows = None
                if self._folder is not None:
                    rows = await _export(connection, day, self._folder)
                    await self._move_to_archive(_file_of(day, self._folder))
                dropped = await _drop(connection, day, rows)
                outcome = "dropped" if dropped else "changed"
                self._metrics.retention.labels(outcome).inc()
                log.info("day_exported_and_dropped", day=str(day), outcome=outcome)
        finally:
            connection.terminate()

    async def _move_to_archive(self, file: Path) -> None:
        if self._archive is None:
            return
        try:
            await self._archive.keep(file)
        finally:
            # Also after a failure: the next attempt exports the day as it is then.
            file.unlink(missing_ok=True)


def _file_of(day: date, folder: Path) -> Path:
    return folder / f"{partition_name(day)}.csv.gz"


async def _export(connection: Connection, day: date, folder: Path) -> int:
    """Write a day to ``fix_20261123.csv.gz``, whole or not at all; how many rows.

    Raises:
        OSError: the file cannot be written.
    """
    target = _file_of(day, folder)
    draft = target.with_suffix(".part")
    with draft.open("wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:

            async def write(chunk: bytes) -> None:
                await asyncio.to_thread(packed.write, chunk)

            status: str = await connection.copy_from_query(
                _EXPORT.format(table=partition_name(day)),
                output=write,
                format="csv",
                header=True,
                timeout=_EXPORT_TIMEOUT_S,
            )
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    draft.replace(target)
    _sync_folder(folder)
    return int(status.removeprefix("COPY "))


def _sync_folder(folder: Path) -> None:
    """Make a renamed file survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _drop(connection: Connection, day: date, exported: int | None) -> bool:
    """Drop a day; False where a fix came to it after it was exported."""
    name = partition_name(day)
    async with connection.transaction():
        await connection.execute(SHORT_LOCKS)
        if exported is not None:
            await connection.execute(f"LOCK TABLE {name} IN SHARE MODE")
            rows = await connection.fetchval(f"SELECT count(*) FROM {name}")
            if rows != exported:
                return False
        await connection.execute(f"ALTER TABLE fix DETACH PARTITION {name}")
        await connection.execute(f"DROP TABLE {name}")
    return True
