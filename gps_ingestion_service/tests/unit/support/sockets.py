"""A tracker's end of a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.trackers import IMEI, login

PATIENCE_S = 60


class Link:
    """A TCP connection of a tracker."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes and wait for no answer."""
        self._writer.write(data)
        await self._writer.drain()

    async def ask(self, data: bytes, count: int = 4) -> bytes:
        """Send bytes and read the answer; less where the service hangs up."""
        await self.send(data)
        return await self.receive(count)

    async def receive(self, count: int) -> bytes:
        """Read that many bytes, fewer where the service hangs up."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.readexactly(count)
            except asyncio.IncompleteReadError as error:
                return error.partial
            except ConnectionResetError:
                return b""

    async def is_closed(self) -> bool:
        """Wait until the service hangs up; False where it sends something instead."""
        return await self.receive(1) == b""

    async def drip(self, data: bytes, count: int) -> bytes:
        """Send a byte a second until there is an answer, of ``count`` bytes at most."""
        answer = asyncio.create_task(self.receive(count))
        for byte in data:
            done, _ = await asyncio.wait([answer], timeout=1)
            if done:
                break
            await self.send(bytes([byte]))
        return await answer

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


@asynccontextmanager
async def linked(port: int) -> AsyncIterator[Link]:
    """A connection to that port of 127.0.0.1."""
    link = Link(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def logged_in(port: int, imei: str = IMEI) -> AsyncIterator[Link]:
    """A Teltonika device that was let in."""
    async with linked(port) as link:
        assert await link.ask(login(imei), 1) == b"\x01"
        yield link


class Mailbox(asyncio.DatagramProtocol):
    """A UDP socket of a tracker."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._answers.put_nowait(data)

    def send(self, data: bytes) -> None:
        """Send a datagram."""
        self._transport.sendto(data)

    async def ask(self, data: bytes) -> bytes:
        """Send a datagram and return the next answer."""
        self.send(data)
        return await self.receive()

    async def receive(self) -> bytes:
        """The next answer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._answers.get()


@asynccontextmanager
async def mailbox(port: int) -> AsyncIterator[Mailbox]:
    """A socket that talks to that port of 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        Mailbox, remote_addr=("127.0.0.1", port)
    )
    try:
        yield protocol
    finally:
        transport.close()
