"""Fixes in batches, alone, the tutorial's way, by COPY and from a thousand trackers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from devtools.bench import teltonika
from devtools.bench.ceiling import idempotent, plain_copy
from devtools.bench.load import Load, drive
from devtools.bench.memory import Memory, watched
from devtools.bench.stage import BATCH_ROWS, DEVICES, Cost, Server, Stage, device_name
from devtools.bench.vehicle_day import VehicleDay, measure_day
from devtools.layout import Layout
from devtools.lone_service import DATABASE
from devtools.ports import Ports
from devtools.postgres import quote

BATCH_CONNECTIONS = 8
SINGLE_CONNECTIONS = 32
# What the group commit makes of the batches of all connections but the one under way.
GROUP_ROWS = BATCH_ROWS * BATCH_CONNECTIONS // 2
_MEMORY_SAMPLES = 120
_PART_S = 10.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured; by default what takes some minutes.

    :param rounds: times that each way in is measured, in turn; the median counts.
    :param batched: fixes of a round in batches, and by COPY.
    :param singles: fixes of a round one by one.
    :param trackers: connections of Teltonika trackers.
    :param frames: of each of them, with ``teltonika.RECORDS`` records.
    :param half_s: seconds of each load at half of what was reached.
    :param soak_s: seconds for which memory is watched.
    :param history: fixes that a vehicle's day is read from.
    """

    rounds: int = 3
    batched: int = 100_000
    singles: int = 6000
    trackers: int = 1000
    frames: int = 20
    half_s: float = 10.0
    soak_s: float = 60.0
    history: int = 10_000_000


@dataclass(frozen=True)
class Ways:
    """The ways in, each the median of the rounds of one run.

    :param groups: the idempotent ceiling with as many rows in a commit as the service's
        group commit makes.
    """

    plain: Cost
    ceiling: Cost
    groups: Cost
    batch: Cost
    batch_facts: Cost
    single: Cost
    tutorial: Cost

    @property
    def of_ceiling(self) -> float:
        """Batches over HTTP without facts, as a part of the idempotent ceiling."""
        return self.batch.per_s / self.ceiling.per_s

    @property
    def of_tutorial(self) -> float:
        """Fixes that come alone, as a multiple of the tutorial's way."""
        return self.single.per_s / self.tutorial.per_s


@dataclass(frozen=True)
class Measured:
    """Everything, from one run.

    :param trackers: over all their connections.
    :param half_batch: messages of 500 at half the rate that was reached.
    :param half_single: the same of fixes that come alone.
    :param soak: what the sender saw while memory was watched.
    :param fix_bytes: of a fix on disk, with index.
    :param wal_bytes: of write-ahead log for one fix that came in a batch.
    :param day: reading a vehicle's day out of a large history.
    """

    ways: Ways
    trackers: Cost
    half_batch: Load
    half_single: Load
    soak: Load
    memory: Memory
    fix_bytes: float
    wal_bytes: float
    day: VehicleDay


def measure(layout: Layout, sizes: Sizes) -> Measured:
    """Measure all ways, one after the other, durably, on a database of their own.

    :raises DevtoolsError: something did not start, or refused a fix.
    """
    with Stage.set_up(layout) as stage:
        with stage.service() as (service, _):
            stage.register(service, [device_name(number) for number in range(DEVICES)])
        ways, wal_bytes = _ways(stage, sizes)
        with stage.service(GPS_FACTS="0") as (_, server):
            half_batch = _half(stage, server, ways.batch, BATCH_ROWS, sizes.half_s)
            half_single = _half(stage, server, ways.single, 1, sizes.half_s)
        trackers = _trackers(stage, sizes)
        soak, memory = _soak(stage, ways.batch_facts, sizes.soak_s)
        size = (
            "SELECT sum(pg_total_relation_size(relid)) / (SELECT count(*) FROM fix)"
            " FROM pg_partition_tree('fix')"
        )
        fix_bytes = float(stage.cluster.query(size, DATABASE)[0])
        day = measure_day(stage, sizes.history, datetime.now(UTC).date())
        return Measured(
            ways,
            trackers,
            half_batch,
            half_single,
            soak,
            memory,
            fix_bytes,
            wal_bytes,
            day,
        )


def _ways(stage: Stage, sizes: Sizes) -> tuple[Ways, float]:
    """Each way once a round, so that a busy minute of the machine meets all of them."""
    rounds: dict[str, list[Cost]] = {}
    wal_bytes = []
    count = sizes.batched

    def batch(server: Server) -> Cost:
        # Plans, caches and code that is only read once are not a fix's cost.
        stage.send(server, BATCH_ROWS * BATCH_CONNECTIONS, BATCH_ROWS, 2)
        return stage.send(server, count, BATCH_ROWS, BATCH_CONNECTIONS)

    def single(server: Server) -> Cost:
        stage.send(server, SINGLE_CONNECTIONS * 4, 1, SINGLE_CONNECTIONS)
        return stage.send(server, sizes.singles, 1, SINGLE_CONNECTIONS)

    for _ in range(sizes.rounds):
        found = {
            "plain": plain_copy(stage, count, BATCH_ROWS),
            "ceiling": idempotent(stage, count, BATCH_ROWS),
            "groups": idempotent(stage, count, GROUP_ROWS),
        }
        with stage.service(GPS_FACTS="0") as (_service, server):
            begin = stage.cluster.query("SELECT pg_current_wal_insert_lsn()")[0]
            found["batch"] = batch(server)
            written = (
                f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), {quote(begin)})"
            )
            wal_bytes.append(float(stage.cluster.query(written)[0]) / count)
            found["single"] = single(server)
        with stage.tutorial() as server:
            found["tutorial"] = single(server)
        with stage.service() as (_service, server):
            found["batch_facts"] = batch(server)
        for name, cost in found.items():
            rounds.setdefault(name, []).append(cost)
    middle = {name: middle_of(costs) for name, costs in rounds.items()}
    return Ways(**middle), median(wal_bytes)


def middle_of(costs: Sequence[Cost]) -> Cost:
    """The one of middle rate; of an even number the slower of both."""
    ordered = sorted(costs, key=lambda cost: cost.per_s)
    return ordered[(len(ordered) - 1) // 2]


def _half(
    stage: Stage, server: Server, reached: Cost, rows_each: int, seconds: float
) -> Load:
    per_s = reached.per_s / 2
    fixes = max(1, math.ceil(per_s * seconds / rows_each)) * rows_each
    connections = BATCH_CONNECTIONS if rows_each > 1 else SINGLE_CONNECTIONS
    return stage.load(server, fixes, rows_each, connections, per_s)()


def _trackers(stage: Stage, sizes: Sizes) -> Cost:
    port = Ports.free().teltonika
    with stage.service(GPS_FACTS="0", GPS_TELTONIKA_PORT=str(port)) as (
        service,
        server,
    ):
        names = [teltonika.imei(number) for number in range(sizes.trackers)]
        stage.register(service, names)
        begin = int(stage.next_time.timestamp())
        each = teltonika.RECORDS
        frames = [
            teltonika.frame(range(begin + each * n + 1, begin + each * (n + 1) + 1))
            for n in range(sizes.frames)
        ]
        shares = [frames] * sizes.trackers
        fixes = sizes.trackers * sizes.frames * each
        return stage.cost(
            server,
            fixes,
            lambda: drive(port, shares, teltonika.WIRE, greeting=teltonika.login(0)),
        )


def _soak(stage: Stage, reached: Cost, seconds: float) -> tuple[Load, Memory]:
    """Facts on, at half of what was reached with them, for a long time."""
    loads = []
    with stage.service() as (_, server):
        with watched(server.pid, seconds / _MEMORY_SAMPLES) as memory:
            end = time.monotonic() + seconds
            # What is sent is made beforehand: of an hour it would not fit into memory.
            while (left_s := end - time.monotonic()) > 0:
                part_s = min(left_s, _PART_S)
                loads.append(_half(stage, server, reached, BATCH_ROWS, part_s))
    total = Load(
        sum(load.stored for load in loads),
        sum(load.seconds for load in loads),
        [latency for load in loads for latency in load.latencies_ms],
    )
    return total, memory
