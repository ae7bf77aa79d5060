"""One position per request, batches, and bare COPY: rate, and CPU time per fix."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devtools.bench.cpu import cpu_seconds
from devtools.bench.vehicle_day import VehicleDay, measure_day
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.lone_service import DATABASE, TOKEN, LoneService
from devtools.ports import LOOPBACK, Ports
from devtools.postgres import Cluster, find_binaries, quote

DEVICES = 50
BATCH_ROWS = 500
CONNECTIONS = 16
Row = dict[str, object]


@dataclass(frozen=True)
class Cost:
    """What bringing fixes in one way has cost.

    :param per_s: fixes a second by the clock: on a busy machine a lower bound.
    :param service_us: CPU time of the service for one fix, microseconds.
    :param database_us: CPU time of PostgreSQL for one fix, microseconds.
    """

    fixes: int
    per_s: float
    service_us: float
    database_us: float


@dataclass(frozen=True)
class Measured:
    """All ways, from one run.

    :param fix_bytes: on disk, with index.
    :param wal_bytes: of write-ahead log for one fix that came in a batch.
    :param day: reading a vehicle's day out of a large history.
    """

    single: Cost
    batch: Cost
    copy: Cost
    fix_bytes: float
    wal_bytes: float
    day: VehicleDay


@dataclass
class Bench:
    """A service and a database that are measured while they take fixes."""

    service: LoneService
    service_pid: int
    database_pid: int
    next_time: datetime

    def single(self, fixes: int) -> Cost:
        """One fix in each request, over connections that are kept."""
        rows = list(self._rows(fixes))
        return self._cost(fixes, lambda: self._post([[row] for row in rows]))

    def batch(self, fixes: int) -> Cost:
        """``BATCH_ROWS`` fixes in each request."""
        rows = list(self._rows(fixes))
        parts = [rows[n : n + BATCH_ROWS] for n in range(0, fixes, BATCH_ROWS)]
        return self._cost(fixes, lambda: self._post(parts))

    def copy(self, fixes: int) -> Cost:
        """COPY into a table like a day's partition: what PostgreSQL itself can do."""
        cluster = self.service.cluster
        cluster.query("CREATE TABLE ceiling (LIKE fix INCLUDING ALL)", DATABASE)
        columns = (
            "device, fix_time, received_at, latitude, longitude, vehicle_identifier"
        )
        lines = [
            f"{number % DEVICES}\t{moment}\t{moment}\t18.52\t73.85\tMH12AB1234"
            for number, moment in enumerate(self._times(fixes))
        ]
        script = "".join(
            f"COPY ceiling ({columns}) FROM stdin;\n{part}\n\\.\n"
            for part in (
                "\n".join(lines[n : n + BATCH_ROWS])
                for n in range(0, fixes, BATCH_ROWS)
            )
        )
        return self._cost(fixes, lambda: cluster.query(script, DATABASE))

    def _cost(self, fixes: int, work: Callable[[], object]) -> Cost:
        service, database = cpu_seconds(self.service_pid), cpu_seconds(
            self.database_pid
        )
        start = time.monotonic()
        work()
        seconds = time.monotonic() - start
        service = cpu_seconds(self.service_pid) - service
        database = cpu_seconds(self.database_pid) - database
        return Cost(
            fixes, fixes / seconds, service / fixes * 1e6, database / fixes * 1e6
        )

    def _times(self, fixes: int) -> Iterator[str]:
        """Fix times that no fix had before: every device a second later each time."""
        for number in range(fixes):
            if number % DEVICES == 0:
                self.next_time += timedelta(seconds=1)
            yield self.next_time.isoformat()

    def _rows(self, fixes: int) -> Iterator[Row]:
        for number, moment in enumerate(self._times(fixes)):
            yield {
                "device_id": device_name(number % DEVICES),
                "latitude": 18.52,
                "longitude": 73.85,
                "speed": 15.0,
                "course": 120.0,
                "timestamp": moment,
            }

    def _post(self, requests: Sequence[Sequence[Row]]) -> None:
        shares = [requests[n::CONNECTIONS] for n in range(CONNECTIONS)]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for _ in pool.map(self._send, shares):
                pass

    def _send(self, requests: Sequence[Sequence[Row]]) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self.service.port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        headers["Content-Type"] = "application/json"
        for rows in requests:
            connection.request("POST", "/v1/positions", json.dumps(rows), headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or json.loads(body)["accepted"] != len(rows):
                raise DevtoolsError(f"the service refused fixes: {body[:200]!r}")
        connection.close()


def device_name(number: int) -> str:
    """Name of a device of the measurement."""
    return f"BENCH-{number:04d}"


def measure(layout: Layout, singles: int, batched: int, history: int) -> Measured:
    """Measure all ways, one after the other, durably, on a database of their own.

    :param singles: fixes that come one by one.
    :param batched: fixes that come in batches, and by COPY.
    :param history: fixes that a vehicle's day is read from.
    :raises DevtoolsError: something did not start, or refused a fix.
    """
    layout.run.mkdir(parents=True, exist_ok=True)
    ports = Ports.free()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=layout.run) as name:
        folder = Path(name)
        binaries = find_binaries(layout.venv("gps"))
        data, log = folder / "database" / "data", folder / "postgres.log"
        cluster = Cluster(binaries, data, ports.postgres, log, "bench")
        cluster.initialise()
        server = cluster.start()
        try:
            cluster.query(f"CREATE DATABASE {DATABASE}")
            service = LoneService(layout, cluster, ports.gps, folder / "service.log")
            with service.running() as process:
                for number in range(DEVICES):
                    service.register(device_name(number), f"MH12AB{number:04d}")
                start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
                bench = Bench(service, process.pid, server.pid, start)
                return _all(bench, singles, batched, history)
        finally:
            cluster.stop(server)


def _all(bench: Bench, singles: int, batched: int, history: int) -> Measured:
    cluster = bench.service.cluster
    # Plans, caches and code that is only read once are not a fix's cost.
    bench.batch(BATCH_ROWS)
    bench.single(CONNECTIONS)
    single = bench.single(singles)
    begin = cluster.query("SELECT pg_current_wal_insert_lsn()")[0]
    batch = bench.batch(batched)
    written = f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), {quote(begin)})"
    wal_bytes = float(cluster.query(written)[0]) / batched
    size = (
        "SELECT sum(pg_total_relation_size(relid)) / (SELECT count(*) FROM fix)"
        " FROM pg_partition_tree('fix')"
    )
    fix_bytes = float(cluster.query(size, DATABASE)[0])
    copy = bench.copy(batched)
    devices = [device_name(number) for number in range(DEVICES)]
    today = datetime.now(UTC).date()
    day = measure_day(bench.service, devices, history, today)
    return Measured(single, batch, copy, fix_bytes, wal_bytes, day)
