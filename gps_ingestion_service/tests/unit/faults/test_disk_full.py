"""The disk under the database is full: nothing is acknowledged that is not stored, and
all that was acknowledged is there when there is space again."""

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from faults.conftest import Scale, Settle, Start
from support.load import Load
from support.postgres import TEMPLATE, PostgresServer, create_database
from support.service import ServiceProcess, http_client

# A database with the schema takes some twelve of them.
DISK_MIB = 64
BLOCK = bytes(65_536)


class SmallDisk:
    """A file system of its own, which a tablespace lies on."""

    def __init__(self, mount: Path) -> None:
        self.tablespace = mount / "tablespace"
        self._mount = mount
        self._ballast = mount / "ballast"

    def fill(self) -> None:
        """Take all the space that is left."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                # The database takes space meanwhile: there is no size to reserve.
                while file.write(BLOCK):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_space(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 64 MiB in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = tmp_path / "disk"
    mount.mkdir()
    size = f"size={DISK_MIB}m"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(mount)], check=True
    )
    try:
        disk = SmallDisk(mount)
        disk.tablespace.mkdir()
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.fixture
async def small_url(
    cluster: Path, tmp_path: Path, small_disk: SmallDisk
) -> AsyncIterator[str]:
    """A database with the schema, whose tables lie on that disk; the log does not."""
    server = PostgresServer(cluster, tmp_path, durable=True)
    server.start()
    connection = await asyncpg.connect(server.url("postgres"))
    place = f"LOCATION '{small_disk.tablespace}'"
    await connection.execute(f"CREATE TABLESPACE small {place}")
    await connection.close()
    url = await create_database(server, "small", f"{TEMPLATE} TABLESPACE small")
    yield url
    server.stop("immediate")


async def test_a_full_disk_is_told_and_loses_nothing(
    small_url: str, small_disk: SmallDisk, start: Start, scale: Scale, settle: Settle
) -> None:
    async with start(small_url, facts=True) as process:
        load = Load(process, pause_s=scale.pause_s)
        async with load.running():
            await load.goes_on(scale.fixes)
            small_disk.fill()
            await load.is_refused()
            await asyncio.sleep(scale.outage_s)
            await load.is_refused()
            # To restart it would make no space.
            assert await is_alive(process)
            small_disk.make_space()
            await load.goes_on(scale.fixes)
        await settle(load)


async def is_alive(process: ServiceProcess) -> bool:
    async with http_client(process.url) as client:
        return (await client.get("/livez")).status_code == 200
