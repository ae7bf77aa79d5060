"""A device's way to the service: keeps what is not acknowledged, and tries again."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from random import Random
from typing import Protocol

import aiohttp
from yarl import URL

from simulator.fleet import WireFormat
from simulator.ledger import Ledger
from simulator.tracker import Sample
from simulator.wire import (
    MAX_BATCH,
    Answered,
    Frames,
    Refused,
    Reply,
    Request,
    TryLater,
    encode,
    understand,
)

BUFFER_FIXES = 20_000
"""Fixes a device holds; real trackers hold a few thousand to a few ten thousand."""

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
FIRST_REFUSED_RETRY_S = 15.0
LONGEST_REFUSED_RETRY_S = 300.0
REQUEST_TIMEOUT_S = 20.0

ADVICE = {
    401: "issue a new token (POST /v1/devices/{device_id}/token) into the fleet file",
    403: "enable the device (PUT /v1/devices/{device_id})",
    404: "register the device (PUT /v1/devices/{device_id})",
}


@dataclass(slots=True)
class Counts:
    """What happened so far, over all devices. ``sent`` counts fixes, resent too."""

    recorded: int = 0
    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    resent_lost_ack: int = 0
    retries: int = 0
    refusals: int = 0
    overflowed: int = 0
    last_trouble: str | None = None

    def as_dict(self) -> dict[str, int | str | None]:
        """The counts by name."""
        return asdict(self)


class Transport(Protocol):
    """Sends a request and understands the answer; network trouble is TryLater."""

    async def __call__(
        self, wire_format: WireFormat, request: Request | Frames, fixes: int
    ) -> Reply:
        """Send ``request``, which carries ``fixes`` fixes."""


class HttpTransport:
    """Sends requests over one shared, connection-reusing session."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base = base_url.rstrip("/")

    async def __call__(
        self, wire_format: WireFormat, request: Request | Frames, fixes: int
    ) -> Reply:
        """Send ``request``, which carries ``fixes`` fixes."""
        if not isinstance(request, Request):
            raise TypeError(f"{wire_format} is not sent over HTTP")
        url = URL(self._base + request.path).with_query(list(request.query))
        try:
            async with self._session.request(
                request.method,
                url,
                data=request.body,
                headers=dict(request.headers),
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
                allow_redirects=False,
            ) as response:
                body = await response.read()
                retry_after = response.headers.get("Retry-After", "")
                return understand(
                    wire_format, fixes, response.status, body, retry_after
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            return TryLater(f"{type(error).__name__}")


class Uplink:
    """Buffer and sender of one device.

    Fixes leave the buffer only when the service answered for them; each then goes to
    the ledger at most once. One request at a time, as a tracker does.
    """

    def __init__(
        self,
        device_id: str,
        wire_format: WireFormat,
        token: str,
        transport: Transport,
        counts: Counts,
        *,
        log: Callable[..., None],
        ledger: Ledger | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.device_id = device_id
        self.online = True
        self.refused = False
        self._format = wire_format
        self._token = token
        self._transport = transport
        self._counts = counts
        self._log = log
        self._ledger = ledger
        self._sleep = sleep
        self._rng = Random(f"uplink|{device_id}")
        self._newest_first = self._rng.random() < 0.3
        self._buffer: deque[Sample] = deque()
        self._lost_once: set[int] = set()
        self._reported = 0
        self._wake = asyncio.Event()
        self._failures = 0
        self._rejection_told = False

    @property
    def buffered(self) -> int:
        """Fixes that wait for an acknowledgement."""
        return len(self._buffer)

    def record(self, sample: Sample) -> None:
        """Take a new fix into the buffer; drop the oldest when it is full."""
        self._counts.recorded += 1
        if len(self._buffer) >= BUFFER_FIXES:
            self._buffer.popleft()
            self._counts.overflowed += 1
        self._buffer.append(sample)
        self.online = sample.online
        if self.online:
            self._wake.set()

    async def run(self) -> None:
        """Send whenever there is something to send and coverage, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send until the buffer is empty or coverage is lost."""
        while self._buffer and self.online:
            batch = self._next_batch()
            request = encode(self._format, self._token, [item.fix for item in batch])
            self._counts.sent += len(batch)
            reply = await self._transport(self._format, request, len(batch))
            match reply:
                case Answered():
                    self._settle(batch, reply)
                case Refused():
                    await self._wait_refused(reply)
                case TryLater():
                    await self._wait_retry(reply)

    def _next_batch(self) -> list[Sample]:
        """Oldest fixes first; some devices report where they are now, then catch up."""
        size = min(MAX_BATCH[self._format], len(self._buffer))
        if not self._newest_first:
            return [self._buffer[index] for index in range(size)]
        newest = self._buffer[-1]
        if len(self._buffer) > size and newest.fix.timestamp > self._reported:
            return [newest]
        return [self._buffer[index] for index in reversed(range(size))]

    def _settle(self, batch: list[Sample], reply: Answered) -> None:
        self._failures = 0
        if self.refused:
            self.refused = False
            self._log("device_recovered", device_id=self.device_id)
        lost = {item.fix.timestamp for item in batch if item.ack_lost}
        if lost - self._lost_once:
            # The answer never reaches the device: it will send the batch again.
            self._lost_once |= lost
            self._counts.resent_lost_ack += len(batch)
            return
        acknowledged = []
        for item, verdict in zip(batch, reply.verdicts, strict=True):
            if verdict == "rejected":
                self._counts.rejected += 1
            else:
                acknowledged.append(item.fix)
                if verdict == "accepted":
                    self._counts.accepted += 1
                else:
                    self._counts.duplicates += 1
        if reply.reason and not self._rejection_told:
            self._rejection_told = True
            self._log("fix_rejected", device_id=self.device_id, reason=reply.reason)
        if self._ledger is not None and acknowledged:
            self._ledger.write(acknowledged)
        self._forget(batch)

    def _forget(self, batch: list[Sample]) -> None:
        """Take answered fixes out; new ones may have come in behind them."""
        done = {item.fix.timestamp for item in batch}
        self._reported = max(self._reported, max(done))
        self._lost_once -= done
        while self._buffer and self._buffer[0].fix.timestamp in done:
            done.discard(self._buffer.popleft().fix.timestamp)
        if done:
            kept = [item for item in self._buffer if item.fix.timestamp not in done]
            self._buffer = deque(kept)

    async def _wait_refused(self, reply: Refused) -> None:
        self._counts.refusals += 1
        if not self.refused:
            self.refused = True
            advice = ADVICE.get(reply.status, ADVICE[404])
            self._log(
                "device_refused",
                device_id=self.device_id,
                reason=reply.reason,
                do=advice.format(device_id=self.device_id),
            )
        await self._back_off(FIRST_REFUSED_RETRY_S, LONGEST_REFUSED_RETRY_S, None)

    async def _wait_retry(self, reply: TryLater) -> None:
        self._counts.retries += 1
        self._counts.last_trouble = reply.reason
        await self._back_off(FIRST_RETRY_S, LONGEST_RETRY_S, reply.retry_after_s)

    async def _back_off(
        self, first_s: float, longest_s: float, asked_s: float | None
    ) -> None:
        """Wait longer after each failure; jitter keeps a fleet from coming at once."""
        self._failures += 1
        doubled = math.ldexp(first_s, min(self._failures - 1, 20))
        delay = min(doubled, longest_s) * self._rng.uniform(0.8, 1.2)
        await self._sleep(max(delay, asked_s or 0.0))
