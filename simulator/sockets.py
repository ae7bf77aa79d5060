"""A tracker's own TCP connection, kept open from fix to fix."""

from __future__ import annotations

import asyncio

from simulator.fleet import WireFormat
from simulator.frames import (
    LOGIN_ACCEPTED,
    FrameFormat,
    answer_bytes,
    is_stored,
    login,
)
from simulator.wire import Answered, Frames, Refused, Reply, Request, TryLater, Verdict

TIMEOUT_S = 20.0


class SocketTransport:
    """Sends the frames of one device over a connection that it opens when needed."""

    def __init__(
        self, host: str, port: int, frame_format: FrameFormat, imei: str
    ) -> None:
        self._host = host
        self._port = port
        self._format = frame_format
        self._imei = imei
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __call__(
        self, wire_format: WireFormat, request: Request | Frames, fixes: int
    ) -> Reply:
        """Send frames, which carry ``fixes`` fixes; trouble is TryLater."""
        if not isinstance(request, Frames):
            raise TypeError(f"{wire_format} is not sent over a connection of its own")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reply = await self._deliver(request, fixes)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return TryLater(type(error).__name__)
        if not isinstance(reply, Answered):
            self.close()
        return reply

    async def _deliver(self, request: Frames, fixes: int) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            if not await self._is_let_in():
                return Refused(404, f"the login of {self._imei} is refused")
        reader, writer = self._streams
        writer.write(request.data)
        await writer.drain()
        answer = await reader.readexactly(answer_bytes(self._format, fixes))
        if not is_stored(self._format, fixes, answer):
            return TryLater(f"the answer is {answer.hex()}")
        stored: Verdict = "accepted"
        return Answered((stored,) * fixes)

    async def _is_let_in(self) -> bool:
        if self._streams is None:
            return False
        reader, writer = self._streams
        writer.write(login(self._format, self._imei))
        expected = LOGIN_ACCEPTED[self._format]
        answer = await reader.read(len(expected))
        if not answer:
            raise EOFError
        return answer == expected

    def close(self) -> None:
        """Hang up; the next frame opens a new connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
