"""A UDP port for one format: each datagram names its device and is answered alone."""

import asyncio
from typing import Any, cast

import structlog

from gps_ingestion_service.connections.drain import end_within
from gps_ingestion_service.formats import FrameError, TrackerFormat
from gps_ingestion_service.formats.tracker import Notice, Report
from gps_ingestion_service.trackers.intake import UNKNOWN_DEVICE, Frame, Intake, now

_MAX_IN_HAND = 2000

log = structlog.stdlib.get_logger(__name__)


class DatagramListener(asyncio.DatagramProtocol):
    """Listens on one port until stopped.

    What comes while too much is in hand is dropped: the device sends it again.
    """

    def __init__(
        self, tracker: TrackerFormat, intake: Intake, max_in_hand: int = _MAX_IN_HAND
    ) -> None:
        self._tracker = tracker
        self._intake = intake
        self._max_in_hand = max_in_hand
        self._transport: asyncio.DatagramTransport | None = None
        self._in_hand: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chose where ``port`` is 0."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    async def stop(self, patience_s: float) -> None:
        """Answer the datagrams in hand, for that long at most, then close."""
        self._stopped = True
        await end_within(set(self._in_hand), patience_s)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        """One datagram came."""
        frame = Frame(self._tracker, "udp", data, now())
        held = self._intake.held
        if (
            self._stopped
            or len(self._in_hand) >= self._max_in_hand
            or not held.take(len(data))
        ):
            self._intake.count(frame, "dropped")
            return
        task = asyncio.create_task(self._take(frame, address))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        task.add_done_callback(lambda _: held.give_back(len(data)))

    async def _take(self, frame: Frame, address: Any) -> None:
        try:
            answer = await self._answer(frame)
        except Exception:
            log.exception("datagram_failed", protocol=self._tracker.name)
            return
        if answer and self._transport is not None:
            self._transport.sendto(answer, address)

    async def _answer(self, frame: Frame) -> bytes:
        """The answer, empty where silence makes the device send again."""
        decode = self._tracker.decode_datagram
        if decode is None or not self._intake.is_ready:
            return b""
        try:
            packet = decode(frame.data, frame.context)
        except FrameError as error:
            await self._intake.refuse(frame, error, None, trusted=False)
            return b""
        if isinstance(packet, Notice):
            self._intake.count(frame, "notice")
            return packet.answer
        if not isinstance(packet, Report) or packet.device_id is None:
            return b""
        device = self._intake.device(packet.device_id)
        if device is None:
            await self._intake.refuse(
                frame, UNKNOWN_DEVICE, packet.device_id, trusted=False
            )
            return b""
        return packet.answer(await self._intake.store(frame, packet, device))
