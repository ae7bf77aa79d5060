"""Many connections that send what was encoded beforehand: load that costs little.

Load, service and database share the cores, so what the load costs is missing to the
others. One thread, plain sockets and bytes that are ready keep that small.
"""

from __future__ import annotations

import heapq
import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import quantiles

from devtools.errors import DevtoolsError
from devtools.ports import LOOPBACK

_PATIENCE_S = 60.0
_READ_BYTES = 1 << 18
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_ACCEPTED = re.compile(rb'"accepted":\s*(\d+)')
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Wire:
    """How the other side answers.

    :param size: bytes of the first answer in a buffer, 0 while it is not complete.
    :param stored: fixes that an answer says are stored.
    """

    size: Callable[[bytearray], int]
    stored: Callable[[bytes], int]


@dataclass(frozen=True)
class Load:
    """What became of a load.

    :param stored: fixes that were acknowledged.
    :param seconds: from the first byte to the last answer.
    :param latencies_ms: of each message, from when it was due until its answer.
    """

    stored: int
    seconds: float
    latencies_ms: list[float]

    @property
    def per_s(self) -> float:
        """Fixes acknowledged a second."""
        return self.stored / self.seconds

    def percentile_ms(self, percent: int) -> float:
        """Latency that so many of a hundred messages did not exceed."""
        return quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


@dataclass
class _Sender:
    """One connection with what it has to send, one message at a time."""

    connection: socket.socket
    messages: Sequence[bytes]
    position: int = 0
    due: float = 0.0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)

    @property
    def done(self) -> bool:
        return self.position == len(self.messages)

    def begin(self, due: float) -> None:
        self.due = due
        self.unsent = memoryview(self.messages[self.position])

    def send(self) -> bool:
        """Send what the socket takes; whether all of the message is sent."""
        try:
            self.unsent = self.unsent[self.connection.send(self.unsent) :]
        except BlockingIOError:
            pass
        return not self.unsent

    def read(self, wire: Wire) -> bytes | None:
        """Read what is there; the answer once it is complete."""
        piece = self.connection.recv(_READ_BYTES)
        if not piece:
            raise DevtoolsError("a connection ended under load")
        self.received += piece
        size = wire.size(self.received)
        if not size:
            return None
        answer = bytes(self.received[:size])
        del self.received[:size]
        self.position += 1
        return answer


def drive(
    port: int,
    shares: Sequence[Sequence[bytes]],
    wire: Wire,
    *,
    greeting: Callable[[socket.socket, int], None] = lambda connection, number: None,
    every_s: float = 0.0,
) -> Load:
    """Send the messages of each share over a connection of its own.

    A connection sends its next message when the last is answered and not before it is
    due. Where it falls behind, the wait counts: nobody in a lorry sends later because
    the service is slow.

    :param port: TCP port on 127.0.0.1.
    :param greeting: called once with each connection and its number, before the load.
    :param every_s: seconds from one message to the next over all connections; 0: as
        fast as they are answered.
    :raises DevtoolsError: a message was refused or not answered.
    """
    with ExitStack() as stack:
        senders = []
        for number, messages in enumerate(shares):
            connection = stack.enter_context(
                socket.create_connection((LOOPBACK, port), timeout=_PATIENCE_S)
            )
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            greeting(connection, number)
            connection.setblocking(False)
            senders.append(_Sender(connection, messages))
        selector = stack.enter_context(selectors.DefaultSelector())
        return _Run(selector, senders, wire, every_s).to_end()


class _Run:
    """The loop over all connections."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        senders: Sequence[_Sender],
        wire: Wire,
        every_s: float,
    ) -> None:
        self._selector = selector
        self._senders = senders
        self._wire = wire
        self._every_s = every_s
        self._stored = 0
        self._latencies_ms: list[float] = []
        # Connections that have nothing under way, by when their next message is due.
        self._idle: list[tuple[float, int]] = []
        self._start = time.perf_counter()

    def to_end(self) -> Load:
        for number, sender in enumerate(self._senders):
            self._selector.register(sender.connection, selectors.EVENT_READ, number)
            self._next(number)
        under_way = sum(not sender.done for sender in self._senders)
        while under_way:
            now = time.perf_counter()
            while self._idle and self._idle[0][0] <= now:
                due, number = heapq.heappop(self._idle)
                self._senders[number].begin(due if self._every_s else now)
                self._send(number)
            wait_s = self._idle[0][0] - now if self._idle else _PATIENCE_S
            events = self._selector.select(min(wait_s, _PATIENCE_S))
            if not events and not self._idle:
                raise DevtoolsError(f"no answer for {_PATIENCE_S:g} s under load")
            for key, mask in events:
                if mask & selectors.EVENT_WRITE:
                    self._send(key.data)
                if mask & selectors.EVENT_READ and self._answered(key.data):
                    under_way -= self._senders[key.data].done
                    self._next(key.data)
        return Load(self._stored, time.perf_counter() - self._start, self._latencies_ms)

    def _next(self, number: int) -> None:
        sender = self._senders[number]
        if not sender.done:
            place = sender.position * len(self._senders) + number
            due = self._start + place * self._every_s
            heapq.heappush(self._idle, (due, number))

    def _send(self, number: int) -> None:
        sender = self._senders[number]
        events = selectors.EVENT_READ
        if not sender.send():
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(sender.connection).events != events:
            self._selector.modify(sender.connection, events, number)

    def _answered(self, number: int) -> bool:
        sender = self._senders[number]
        answer = sender.read(self._wire)
        if answer is None:
            return False
        self._stored += self._wire.stored(answer)
        self._latencies_ms.append((time.perf_counter() - sender.due) * 1000)
        return True


def http_message(path: str, body: bytes, token: str = "") -> bytes:
    """A POST of JSON over a connection that is kept."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {LOOPBACK}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _http_size(received: bytearray) -> int:
    head = received.find(_END_OF_HEAD)
    if head < 0:
        return 0
    length = _LENGTH.search(received, 0, head + 2)
    if length is None:
        raise DevtoolsError(f"an answer without a length: {bytes(received[:80])!r}")
    size = head + len(_END_OF_HEAD) + int(length[1])
    return size if len(received) >= size else 0


def _http_stored(answer: bytes) -> int:
    accepted = _ACCEPTED.search(answer)
    if not answer.startswith(b"HTTP/1.1 200 ") or accepted is None:
        raise DevtoolsError(f"fixes were refused under load: {answer[:300]!r}")
    return int(accepted[1])


#: JSON that says how many fixes were ``accepted``.
HTTP = Wire(_http_size, _http_stored)
