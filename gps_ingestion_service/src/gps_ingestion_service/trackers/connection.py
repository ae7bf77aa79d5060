"""One TCP connection of a tracker: login, then frame by frame, each answered."""

import asyncio
import socket
from datetime import timedelta

import msgspec

from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.formats import DecodeError, FrameError, TrackerFormat
from gps_ingestion_service.formats.tracker import (
    Event,
    Login,
    Notice,
    Packet,
    announced_length,
)
from gps_ingestion_service.trackers.intake import (
    UNKNOWN_DEVICE,
    Frame,
    Intake,
    now,
)
from gps_ingestion_service.trackers.status import Status

_CHUNK_BYTES = 16_384
_WRITE_BUFFER_BYTES = 4096


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a connection may take, in seconds.

    ``login_s`` for the login from the moment of connecting, ``idle_s`` between two
    frames, ``frame_s`` from the first byte of a frame to its last, and for a device to
    take its answer.
    """

    login_s: float
    idle_s: float
    frame_s: float


# Why a frame that came in part only is kept: a device that is never heard to the end of
# one has a fault that somebody must be able to see.
_INCOMPLETE = {
    "login_timeout": ("too_slow", "the login took too long"),
    "too_slow": ("too_slow", "the frame took too long"),
    "truncated": ("truncated", "the device hung up within a frame"),
    "lost": ("truncated", "the connection broke within a frame"),
}


class HangUp(Exception):
    """The connection ends; the message is the reason that is measured."""


class Connection:
    """A conversation with one tracker."""

    def __init__(
        self,
        tracker: TrackerFormat,
        intake: Intake,
        patience: Patience,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._tracker = tracker
        self._intake = intake
        self._patience = patience
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._held = 0
        self._announced = timedelta(0)
        self._status = Status()
        self._stop_reason: str | None = None
        self._read: asyncio.Future[bytes] | None = None
        self.device_id: str | None = None

    async def login(self) -> None:
        """Wait until the tracker says who it is, and let it in.

        Raises:
            HangUp: it is not let in, or took too long.
        """
        # Answers take a few bytes: more room would only hide who does not read them.
        self._writer.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _WRITE_BUFFER_BYTES
        )
        try:
            async with asyncio.timeout(self._patience.login_s):
                frame = await self._next_frame(self._tracker.max_login_bytes)
        except TimeoutError:
            await self._keep_incomplete("login_timeout")
            raise HangUp("login_timeout") from None
        packet = await self._decode(frame, None)
        if not isinstance(packet, Login):
            raise HangUp("no_login")
        if not self._intake.is_ready:
            raise HangUp("not_ready")
        if self._intake.device(packet.device_id) is None:
            await self._intake.refuse(
                frame, UNKNOWN_DEVICE, packet.device_id, trusted=False
            )
            await self._send(packet.refused)
            raise HangUp("unknown_device")
        # A device that takes silence for consent is let in only where it can be served.
        if not self._tracker.can_refuse and not await self._intake.can_store():
            raise HangUp("unavailable")
        self.device_id = packet.device_id
        self._announced = packet.utc_offset or timedelta(0)
        await self._send(packet.accepted)

    async def converse(self) -> None:
        """Take frames until the tracker leaves.

        Raises:
            HangUp: always, with the reason.
        """
        while self._stop_reason is None:
            await self._answer(await self._next_frame(self._tracker.max_frame_bytes))
        raise HangUp(self._stop_reason)

    def stop(self, reason: str) -> None:
        """End the conversation; a frame that is being stored is answered first."""
        self._stop_reason = reason
        if self._read is not None:
            self._read.cancel()

    def close(self) -> None:
        """Let the connection go, whether or not the tracker takes its last answer."""
        self._intake.held.give_back(self._held)
        self._held = 0
        self._writer.close()

    async def _answer(self, frame: Frame) -> None:
        device = self._intake.device(self.device_id or "")
        if device is None:
            raise HangUp("device_disabled")
        packet = await self._decode(frame, device)
        if packet is None:
            return
        if isinstance(packet, Login):
            if packet.device_id != self.device_id:
                raise HangUp("other_login")
            answer = packet.accepted
            self._announced = packet.utc_offset or self._announced
        elif isinstance(packet, Notice):
            self._intake.count(frame, "notice")
            self._status.renew(packet.status, frame.received_at)
            answer = packet.answer
        elif isinstance(packet, Event):
            if not await self._intake.store_event(frame, packet, device):
                raise HangUp("unavailable")
            answer = packet.answer
        else:
            packet = self._status.added_to(packet, device)
            stored = await self._intake.store(frame, packet, device)
            answer = packet.answer(stored)
            if not stored and packet.rows and not self._tracker.can_refuse:
                raise HangUp("unavailable")
        await self._send(answer)

    async def _decode(self, frame: Frame, device: Device | None) -> Packet | None:
        """The packet of a frame, or None for one that is refused and dealt with."""
        try:
            return self._tracker.decode(frame.data, frame.context)
        except FrameError as error:
            trusted = device is not None
            kept = await self._intake.refuse(
                frame, error, self.device_id, trusted=trusted
            )
            if not trusted:
                raise HangUp("no_login") from None
            if not kept and not self._tracker.can_refuse:
                raise HangUp("unavailable") from None
            await self._send(error.answer)
            return None

    async def _next_frame(self, max_bytes: int) -> Frame:
        """The next whole frame, of ``max_bytes`` at most."""
        # The frame before has been answered.
        self._intake.held.give_back(self._held - len(self._buffer))
        self._held = len(self._buffer)
        deadline = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                # One byte more shows a frame that has no end where it must have one.
                start = bytes(self._buffer[: self._tracker.header_bytes + 1])
                length = announced_length(self._tracker, start, max_bytes)
            except FrameError as error:
                garbage = self._frame(bytes(self._buffer))
                await self._intake.refuse(
                    garbage, error, self.device_id, trusted=self.device_id is not None
                )
                raise HangUp(error.code) from None
            if length is not None and length <= len(self._buffer):
                data = bytes(self._buffer[:length])
                del self._buffer[:length]
                return self._frame(data)
            if self._buffer and deadline is None:
                deadline = loop.time() + self._patience.frame_s
            try:
                await self._receive(
                    self._patience.idle_s
                    if deadline is None
                    else deadline - loop.time()
                )
            except HangUp as end:
                await self._keep_incomplete(str(end))
                raise

    def _frame(self, data: bytes) -> Frame:
        return Frame(self._tracker, "tcp", data, now(), self._announced)

    async def _receive(self, patience_s: float) -> None:
        if self._stop_reason is not None:
            raise HangUp(self._stop_reason)
        self._read = asyncio.ensure_future(self._reader.read(_CHUNK_BYTES))
        try:
            async with asyncio.timeout(patience_s):
                data = await self._read
        except TimeoutError:
            raise HangUp("too_slow" if self._buffer else "idle") from None
        except asyncio.CancelledError:
            if self._stop_reason is not None:
                raise HangUp(self._stop_reason) from None
            raise
        except OSError:
            raise HangUp("lost") from None
        finally:
            self._read = None
        if not data:
            raise HangUp("truncated" if self._buffer else "left")
        if not self._intake.held.take(len(data)):
            raise HangUp("too_many_bytes")
        self._held += len(data)
        self._buffer += data

    async def _keep_incomplete(self, end: str) -> None:
        """Put what there is of a frame into quarantine, where it ended that way."""
        if not self._buffer or end not in _INCOMPLETE:
            return
        code, reason = _INCOMPLETE[end]
        await self._intake.refuse(
            self._frame(bytes(self._buffer)),
            DecodeError(code, f"{reason}, after {len(self._buffer)} bytes"),
            self.device_id,
            trusted=self.device_id is not None,
        )

    async def _send(self, answer: bytes) -> None:
        if not answer:
            return
        self._writer.write(answer)
        try:
            async with asyncio.timeout(self._patience.frame_s):
                await self._writer.drain()
        except TimeoutError:
            raise HangUp("does_not_read") from None
        except OSError:
            raise HangUp("lost") from None
