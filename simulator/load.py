"""A bounded load on the ingestion service, open loop, with latency percentiles."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import aiohttp

from simulator.fleet import Stop, Vehicle
from simulator.geo import Place
from simulator.lifecycle import run_until_signal
from simulator.scene import Scene
from simulator.tracker import Fix, Sample
from simulator.uplink import HttpTransport
from simulator.wire import Answered, Request, native_batch

MAX_FIXES = 5_000_000
MAX_DURATION_S = 3_600.0
MAX_IN_FLIGHT = 256
DRAIN_S = 10.0

_LANES = tuple(
    (Stop(f"{name} source", Place(*source)), Stop(f"{name} end", Place(*end)))
    for name, source, end in (
        ("Mumbai-Pune", (19.076, 72.878), (18.520, 73.857)),
        ("Mumbai-Nashik", (19.076, 72.878), (19.998, 73.790)),
        ("Pune-Nashik", (18.520, 73.857), (19.998, 73.790)),
    )
)


class LoadError(ValueError):
    """The load that was asked for is out of bounds; the message says how."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How much to send, and how fast: every vehicle one fix per interval."""

    url: str
    token: str = field(repr=False)
    vehicles: int = 1_000
    interval_s: int = 10
    duration_s: float = 60.0
    batch: int = 500
    seed: int = 7
    device_prefix: str = "LOAD"

    def check(self) -> None:
        """Refuse what is not bounded.

        Raises:
            LoadError: saying which bound was passed.
        """
        if not 1 <= self.batch <= 10_000:
            raise LoadError("--batch must be 1 to 10000 fixes per request")
        if not 1 <= self.vehicles <= 100_000:
            raise LoadError("--vehicles must be 1 to 100000")
        if not 0 < self.duration_s <= MAX_DURATION_S:
            raise LoadError(f"--duration must be above 0 and at most {MAX_DURATION_S}")
        fixes = self.vehicles * math.ceil(self.duration_s / self.interval_s)
        if fixes > MAX_FIXES:
            raise LoadError(f"{fixes} fixes are more than {MAX_FIXES}: ask for less")


@dataclass(slots=True)
class LoadResult:
    """Fixes by outcome, requests, and seconds from due time to answer."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    errors: int = 0
    requests: int = 0
    elapsed_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    first_error: str | None = None
    first_rejection: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The result as printed: ``errors`` are fixes without a verdict."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "errors": self.errors,
            "requests": self.requests,
            "elapsed_s": round(self.elapsed_s, 3),
            "fixes_per_s": (
                round(self.accepted / self.elapsed_s, 1) if self.elapsed_s else 0.0
            ),
            "latency_ms": {
                f"p{share:g}": round(1_000 * percentile(self.latencies_s, share), 1)
                for share in (50, 90, 95, 99, 100)
            },
            "first_error": self.first_error,
            "first_rejection": self.first_rejection,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile; 0.0 for no values."""
    if not values:
        return 0.0
    rank = math.ceil(share / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def load_vehicles(options: LoadOptions) -> list[Vehicle]:
    """The load's own vehicles, named by number, on a handful of lanes."""
    vehicles = []
    for number in range(options.vehicles):
        source, destination = _LANES[number % len(_LANES)]
        vehicles.append(
            Vehicle(
                vehicle_identifier=f"{options.device_prefix}{number:06d}",
                device_id=f"{options.device_prefix}-{number:06d}",
                token=None,
                format="native",
                state="in_transit",
                source=source,
                destination=destination,
            )
        )
    return vehicles


class _Recorder:
    """Fixes of the load's vehicles, one per vehicle and round, in batches.

    Their time stamps are set when they are sent.
    """

    def __init__(self, options: LoadOptions) -> None:
        vehicles = load_vehicles(options)
        scene = Scene(vehicles, options.seed)
        self._batch = options.batch
        self._trackers: list[Iterator[Sample]] = [
            scene.samples(vehicle, start=0, interval_s=options.interval_s, speedup=1.0)
            for vehicle in vehicles
        ]

    def batches(self) -> Iterator[list[Fix]]:
        """One round, batch by batch; a parked truck's heartbeat counts as its fix."""
        for first in range(0, len(self._trackers), self._batch):
            some = self._trackers[first : first + self._batch]
            yield [next(tracker).fix for tracker in some]


async def load(options: LoadOptions) -> LoadResult:
    """Send the load and wait for the answers; SIGINT and SIGTERM end it early.

    Open loop: a request leaves when it is due, whether or not earlier ones were
    answered, and its latency counts from then. A request that finds 256 others
    unanswered is dropped and counted as errors, never queued without end.

    Raises:
        LoadError: the load is out of bounds.
    """
    options.check()
    result = LoadResult()
    connector = aiohttp.TCPConnector(limit=MAX_IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        transport = HttpTransport(session, options.url)
        await run_until_signal(_rounds(options, transport, result))
    answered = result.accepted + result.duplicates + result.rejected
    result.errors += result.sent - answered
    return result


async def _rounds(
    options: LoadOptions, transport: HttpTransport, result: LoadResult
) -> None:
    """Send batch after batch, each at its due time, then wait for the answers."""
    rounds = math.ceil(options.duration_s / options.interval_s)
    recorder = _Recorder(options)
    spacing = options.interval_s / math.ceil(options.vehicles / options.batch)
    pending: set[asyncio.Task[None]] = set()
    began, began_wall = time.monotonic(), time.time()
    steps = (batch for _ in range(rounds) for batch in recorder.batches())
    try:
        for number, fixes in enumerate(steps):
            after_s = number * spacing
            if after_s >= options.duration_s:
                break
            stamped = [
                replace(fix, timestamp=int(began_wall + after_s)) for fix in fixes
            ]
            request = native_batch(options.token, stamped)
            await asyncio.sleep(max(began + after_s - time.monotonic(), 0.0))
            if len(pending) >= MAX_IN_FLIGHT:
                result.errors += len(fixes)
                result.first_error = result.first_error or "256 requests unanswered"
                continue
            task = asyncio.create_task(
                _send(transport, request, len(fixes), began + after_s, result)
            )
            pending.add(task)
            task.add_done_callback(pending.discard)
        if pending:
            await asyncio.wait(pending, timeout=DRAIN_S)
    finally:
        result.elapsed_s = time.monotonic() - began
        late = list(pending)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _send(
    transport: HttpTransport,
    request: Request,
    count: int,
    due: float,
    result: LoadResult,
) -> None:
    result.sent += count
    result.requests += 1
    reply = await transport("native", request, count)
    result.latencies_s.append(time.monotonic() - due)
    if not isinstance(reply, Answered):
        result.first_error = result.first_error or reply.reason
        return
    result.accepted += reply.verdicts.count("accepted")
    result.duplicates += reply.verdicts.count("duplicate")
    result.rejected += reply.verdicts.count("rejected")
    if reply.reason:
        result.first_rejection = result.first_rejection or reply.reason
