"""Drive a fleet: let trackers record on schedule and send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from simulator.fleet import WITHOUT_TOKEN, FleetError, Vehicle
from simulator.frames import FrameFormat
from simulator.ledger import Ledger
from simulator.lifecycle import run_until_signal
from simulator.scene import Scene
from simulator.sockets import SocketTransport
from simulator.tracker import Sample
from simulator.uplink import Counts, HttpTransport, Uplink

GRACE_S = 5.0
"""How long a run with a duration waits for outstanding acknowledgements."""


@dataclass(frozen=True, slots=True)
class DriveOptions:
    """What to drive and how.

    ``start`` in Unix seconds: when the trackers begin to record. A start in the past
    makes them begin with a backlog. ``tracker_ports`` are those of the binary formats,
    on the host of ``url``. ``duration_s`` counts from ``start``; None drives
    until stopped.
    """

    vehicles: Sequence[Vehicle]
    url: str
    start: int
    seed: int = 7
    speedup: float = 1.0
    interval_s: int = 10
    duration_s: float | None = None
    ledger: Path | None = None
    connections: int = 64
    tracker_ports: Mapping[FrameFormat, int] = field(default_factory=dict)
    status_interval_s: float = 30.0


class Fleet:
    """The running fleet: one recording and one sending task per vehicle."""

    def __init__(
        self,
        options: DriveOptions,
        scene: Scene,
        uplinks: Sequence[Uplink],
        counts: Counts,
        log: Callable[..., None],
    ) -> None:
        self._options = options
        self._scene = scene
        self._uplinks = uplinks
        self._counts = counts
        self._log = log

    async def run(self) -> None:
        """Drive until the duration is over; cancelling stops at once."""
        senders = [asyncio.create_task(uplink.run()) for uplink in self._uplinks]
        status = asyncio.create_task(self._status())
        try:
            async with asyncio.TaskGroup() as recorders:
                for vehicle, uplink in zip(
                    self._options.vehicles, self._uplinks, strict=True
                ):
                    # Laying a long road takes a while: between two of them the
                    # devices that are ready send, and a signal is heard.
                    await asyncio.sleep(0)
                    recorded = self._samples(vehicle)
                    recorders.create_task(self._record(recorded, uplink))
            await self._settle()
        finally:
            tasks = [*senders, status]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _samples(self, vehicle: Vehicle) -> Iterator[Sample]:
        options = self._options
        return self._scene.samples(
            vehicle,
            start=options.start,
            interval_s=options.interval_s,
            speedup=options.speedup,
        )

    async def _record(self, recorded: Iterator[Sample], uplink: Uplink) -> None:
        options = self._options
        end = float("inf")
        if options.duration_s is not None:
            end = options.start + options.duration_s
        for sample in recorded:
            if sample.fix.timestamp >= end:
                return
            await self._wait_for(sample)
            uplink.record(sample)

    async def _wait_for(self, sample: Sample) -> None:
        wait = sample.fix.timestamp - time.time()
        # A backlog is recorded without waiting, yet lets the other tasks run.
        await asyncio.sleep(max(wait, 0.0))

    async def _settle(self) -> None:
        """At the end of the duration, give outstanding answers a moment."""
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline and any(
            uplink.buffered and uplink.online and not uplink.refused
            for uplink in self._uplinks
        ):
            await asyncio.sleep(0.05)

    async def _status(self) -> None:
        while True:
            await asyncio.sleep(self._options.status_interval_s)
            self._log("status", **self.summary())

    def summary(self) -> dict[str, object]:
        """Counts over all devices, and their present condition."""
        return {
            "vehicles": len(self._uplinks),
            "offline": sum(not uplink.online for uplink in self._uplinks),
            "refused": sum(uplink.refused for uplink in self._uplinks),
            "buffered": sum(uplink.buffered for uplink in self._uplinks),
            **self._counts.as_dict(),
        }


async def drive(options: DriveOptions, log: Callable[..., None]) -> dict[str, object]:
    """Drive a fleet until its duration is over or SIGINT/SIGTERM arrives.

    Returns:
        The closing counts, as in the summary line.

    Raises:
        FleetError: a vehicle has no token, or its format no port.
        OSError: the ledger cannot be opened.
    """
    tokens = _tokens(options.vehicles)
    scene = Scene(options.vehicles, options.seed)
    if not scene.has_recorded_shapes:
        log(
            "no_recorded_shapes",
            do="install requirements-data.txt; until then roads are smooth lines "
            "through the highway towns",
        )
    counts = Counts()
    connector = aiohttp.TCPConnector(limit=options.connections)
    with nullcontext() if options.ledger is None else Ledger(options.ledger) as ledger:
        async with aiohttp.ClientSession(connector=connector) as session:
            http = HttpTransport(session, options.url)
            own = {
                vehicle.device_id: transport
                for vehicle in options.vehicles
                if (transport := _own_connection(options, vehicle)) is not None
            }
            uplinks = [
                Uplink(
                    vehicle.device_id,
                    vehicle.format,
                    token,
                    own.get(vehicle.device_id, http),
                    counts,
                    log=log,
                    ledger=ledger,
                )
                for vehicle, token in zip(options.vehicles, tokens, strict=True)
            ]
            fleet = Fleet(options, scene, uplinks, counts, log)
            log("started", url=options.url, **fleet.summary())
            try:
                await run_until_signal(fleet.run())
            finally:
                for transport in own.values():
                    transport.close()
    summary = fleet.summary()
    log("stopped", **summary)
    return summary


def _own_connection(options: DriveOptions, vehicle: Vehicle) -> SocketTransport | None:
    """The connection of a device that does not speak HTTP."""
    if vehicle.format != "teltonika" and vehicle.format != "gt06":
        return None
    port = options.tracker_ports.get(vehicle.format)
    if port is None:
        raise FleetError(
            f"{vehicle.device_id} speaks {vehicle.format}: give --{vehicle.format}-port"
        )
    host = urlsplit(options.url).hostname or ""
    return SocketTransport(host, port, vehicle.format, vehicle.device_id)


def _tokens(vehicles: Sequence[Vehicle]) -> list[str]:
    tokens = []
    for index, vehicle in enumerate(vehicles):
        if vehicle.token is None and vehicle.format not in WITHOUT_TOKEN:
            raise FleetError(
                f"vehicles[{index}].token: missing; issue one with "
                f"POST /v1/devices/{vehicle.device_id}/token"
            )
        tokens.append(vehicle.token or "")
    return tokens
