"""Two services on one database, and one of them is killed."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from faults.conftest import Scale, Settle, Start
from faults.test_odoo import has_caught_up
from support.load import Load
from support.odoo import SECRET, FakeOdoo
from support.postgres import free_port
from support.service import ServiceProcess, eventually, http_client, settings_for

from gps_ingestion_service.database import Connection
from gps_ingestion_service.partitions import (
    PARTITION_LOCK,
    make_partition,
    partition_name,
)

OLD = (datetime.now(UTC) - timedelta(days=40)).date()
OLD_ROWS = 300_000


async def leads(replica: ServiceProcess) -> bool:
    """Whether it pushes positions and events."""
    async with http_client(replica.url) as client:
        page = (await client.get("/metrics")).text
    return "gps_push_leader 1.0" in page and "gps_event_push_leader 1.0" in page


async def test_the_leader_is_killed_and_the_other_takes_over(
    start: Start, scale: Scale, settle: Settle, odoo: FakeOdoo
) -> None:
    settings = {
        "odoo_url": odoo.url,
        "odoo_hmac_secret": SECRET,
        "facts": True,
        "speeding_min_s": 0.5,
    }
    async with start(**settings) as leader:
        await eventually(lambda: leads(leader), "the first replica pushes")
        async with start(**settings) as follower:
            # Both get the same fixes, as behind a network that repeats what it carries.
            load, again = Load(leader, pause_s=0.03), Load(follower, pause_s=0.03)
            again.repeat(load)
            odoo.vehicles.update(sender.device_id for sender in load.senders)
            async with load.running(), again.running():
                await load.goes_on(scale.fixes)
                await again.goes_on(scale.fixes)
                assert not await leads(follower)
                leader.kill()
                await eventually(lambda: leads(follower), "the second takes over")
                await again.goes_on(scale.fixes)
                await leader.start()
                await load.goes_on(scale.fixes)
            await eventually(lambda: has_caught_up(odoo, load.url), "Odoo has it all")
            found = await settle(load)
            assert found.broken > 0


async def test_one_is_killed_while_it_exports_a_day_and_another_exports_it_whole(
    url: str, tmp_path: Path
) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    settings = settings_for(
        url, retention_days=30, max_age_days=20, export_dir=str(exports)
    )
    first, second = (
        ServiceProcess(settings, free_port(), tmp_path / "service.log")
        for _ in range(2)
    )
    connection = await asyncpg.connect(url)
    try:
        await fill_a_day(connection)
        await first.start()

        async def is_exporting() -> bool:
            return any(item.stat().st_size for item in exports.glob("*.part"))

        await eventually(is_exporting, "the first replica writes the day")
        first.kill()
        await eventually(lambda: is_unlocked(connection), "its lock went with it")
        assert await connection.fetchval("SELECT count(*) FROM fix") == OLD_ROWS
        await second.start()

        async def is_dropped() -> bool:
            return not await connection.fetchval("SELECT count(*) FROM fix")

        await eventually(is_dropped, "the second replica has dropped the day")
        (whole,) = exports.iterdir()
        assert whole.name.startswith(f"{partition_name(OLD)}.")
        with gzip.open(whole, "rt", newline="") as file:
            assert sum(1 for _ in csv.DictReader(file)) == OLD_ROWS
    finally:
        first.end()
        second.end()
        await connection.close()


async def fill_a_day(connection: Connection) -> None:
    """Store so many fixes of one device that writing them takes a while."""
    device = await connection.fetchval(
        "INSERT INTO device (device_id, vehicle_identifier, enabled, version) "
        "VALUES ('one', 'MH1', true, 1) RETURNING id"
    )
    async with connection.transaction():
        await make_partition(connection, OLD)
    await connection.execute(
        "INSERT INTO fix (device, fix_time, received_at, latitude, longitude) "
        "SELECT $1, $2::date::timestamptz + n * interval '0.1 s', now(), 18.5, 73.8 "
        "FROM generate_series(1, $3) AS n",
        device,
        OLD,
        OLD_ROWS,
    )


async def is_unlocked(connection: Connection) -> bool:
    """Whether nobody holds the lock of the retention."""
    held: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' "
        "AND (classid::bigint << 32) + objid::bigint = $1)",
        PARTITION_LOCK + 1,
    )
    return not held
