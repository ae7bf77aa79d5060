"""A database of its own, what is put before it, and fixes that nobody has sent yet."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devtools.bench.cpu import cpu_seconds
from devtools.bench.load import HTTP, Load, drive, http_message
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.lone_service import DATABASE, TOKEN, LoneService
from devtools.ports import LOOPBACK, Ports
from devtools.postgres import Cluster, find_binaries
from devtools.processes import ProcessIdentity
from devtools.services import ProgramService
from devtools.web import answers

DEVICES = 100
BATCH_ROWS = 500
_NOTICED_S = 0.1
# Ten fixes a second, so that a run of hours fits into the last day.
_STEP = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Cost:
    """What bringing fixes in has cost.

    :param per_s: fixes a second by the clock.
    :param server_us: CPU time for one fix of what takes it before the database,
        microseconds.
    :param database_us: of PostgreSQL.
    :param load_us: of who sends it.
    :param load: what the sender saw, where there was one.
    """

    fixes: int
    per_s: float
    server_us: float
    database_us: float
    load_us: float
    load: Load | None = None


@dataclass(frozen=True)
class Server:
    """A program that takes fixes over HTTP.

    :param pid: of its process; 0 for none.
    """

    port: int
    pid: int
    path: str


@dataclass
class Stage:
    """The database of one run, and the time that its fixes have reached."""

    layout: Layout
    cluster: Cluster
    database_pid: int
    folder: Path
    next_time: datetime

    @classmethod
    @contextmanager
    def set_up(cls, layout: Layout) -> Iterator[Stage]:
        """A durable PostgreSQL until the end of the block; nothing stays behind.

        :raises DevtoolsError: it does not start.
        """
        layout.run.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bench-", dir=layout.run) as name:
            folder = Path(name)
            cluster = Cluster(
                find_binaries(layout.venv("gps")),
                folder / "database" / "data",
                Ports.free().postgres,
                folder / "postgres.log",
                "bench",
            )
            cluster.initialise()
            server = cluster.start()
            try:
                cluster.query(f"CREATE DATABASE {DATABASE}")
                begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
                yield cls(layout, cluster, server.pid, folder, begin)
            finally:
                cluster.stop(server)

    @contextmanager
    def service(self, **settings: str) -> Iterator[tuple[LoneService, Server]]:
        """The service itself, with the devices of the measurement.

        :param settings: its environment variables.
        :raises DevtoolsError: it does not start.
        """
        port = Ports.free().gps
        log = self.folder / "service.log"
        service = LoneService(self.layout, self.cluster, port, log, settings)
        with service.running() as process:
            yield service, Server(port, process.pid, "/v1/positions")

    @contextmanager
    def tutorial(self) -> Iterator[Server]:
        """The service as tutorials write it, on the same interpreter and server.

        :raises DevtoolsError: it does not start.
        """
        port = Ports.free().gps
        url = self.cluster.url("postgres", self.cluster.password, DATABASE)
        command = [str(self.layout.python("gps")), "-m", "uvicorn"]
        command += ["support.tutorial:app", "--host", LOOPBACK, "--port", str(port)]
        command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]

        def ready() -> bool:
            return answers(f"http://{LOOPBACK}:{port}/openapi.json")

        program = ProgramService(
            "the tutorial's service",
            command,
            clean_environment(
                {
                    "TUTORIAL_DATABASE_URL": url.replace("://", "+asyncpg://"),
                    "PYTHONPATH": str(self.layout.service / "tests" / "unit"),
                }
            ),
            self.folder,
            self.folder / "tutorial.log",
            ready,
            ready,
        )
        process: ProcessIdentity = program.launch()
        try:
            program.wait_ready(process)
            yield Server(port, process.pid, "/positions")
        finally:
            process.end()

    def register(self, service: LoneService, names: Sequence[str]) -> None:
        """Make devices known, each in a vehicle of its own."""
        for number, name in enumerate(names):
            service.register(name, vehicle_name(number))

    def rows(self, fixes: int) -> list[dict[str, object]]:
        """Rows that were never sent: every device a step later each time."""
        rows = []
        for number, moment in enumerate(self.times(fixes)):
            rows.append(
                {
                    "device_id": device_name(number % DEVICES),
                    "latitude": 18.52 + number % 97 / 1e4,
                    "longitude": 73.85 + number % 89 / 1e4,
                    "speed": 15.0,
                    "course": 120.0,
                    "timestamp": moment,
                }
            )
        return rows

    def times(self, fixes: int) -> Iterator[str]:
        """Fix times that no fix of a device had before."""
        for number in range(fixes):
            if number % DEVICES == 0:
                self.next_time += _STEP
            yield self.next_time.isoformat()

    def send(
        self, server: Server, fixes: int, rows_each: int, connections: int
    ) -> Cost:
        """Send fixes in messages of ``rows_each``, as fast as they are acknowledged.

        :raises DevtoolsError: not every fix was acknowledged as new.
        """
        work = self.load(server, fixes, rows_each, connections)
        return self.cost(server, fixes, work)

    def load(
        self,
        server: Server,
        fixes: int,
        rows_each: int,
        connections: int,
        per_s: float = 0.0,
    ) -> Callable[[], Load]:
        """Make messages of ``rows_each`` fixes; what is returned sends them.

        :param per_s: fixes a second; 0: as fast as they are acknowledged.
        """
        rows = self.rows(fixes)
        messages = []
        for start in range(0, fixes, rows_each):
            part = rows[start : start + rows_each]
            # A tutorial's route takes one position, not a list of them.
            body = json.dumps(part if rows_each > 1 else part[0]).encode()
            messages.append(http_message(server.path, body, TOKEN))
        shares = [messages[number::connections] for number in range(connections)]
        every_s = rows_each / per_s if per_s else 0.0
        shares = [share for share in shares if share]
        return lambda: drive(server.port, shares, HTTP, every_s=every_s)

    def cost(
        self, server: Server | None, fixes: int, work: Callable[[], object]
    ) -> Cost:
        """Do the work and say what it cost.

        :raises DevtoolsError: it was a load, and other than ``fixes`` are stored.
        """
        pids = (server.pid if server else 0, self.database_pid)
        before = [cpu_seconds(pid) if pid else 0.0 for pid in pids]
        own, start = time.process_time(), time.perf_counter()
        done = work()
        seconds, own = time.perf_counter() - start, time.process_time() - own
        # A backend's time is its server's once that has noticed its end.
        time.sleep(_NOTICED_S)
        after = [cpu_seconds(pid) if pid else 0.0 for pid in pids]
        load = done if isinstance(done, Load) else None
        if load is not None and load.stored != fixes:
            raise DevtoolsError(f"{load.stored} of {fixes} fixes were acknowledged")
        return Cost(
            fixes=fixes,
            per_s=fixes / (load.seconds if load else seconds),
            server_us=(after[0] - before[0]) / fixes * 1e6,
            database_us=(after[1] - before[1]) / fixes * 1e6,
            load_us=own / fixes * 1e6,
            load=load,
        )


def device_name(number: int) -> str:
    """Name of a device of the measurement."""
    return f"BENCH-{number:04d}"


def vehicle_name(number: int) -> str:
    """Plate of a vehicle of the measurement."""
    return f"MH12AB{number:04d}"
