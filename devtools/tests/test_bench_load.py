"""The load that the benchmark sends, against a server that answers as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devtools.bench.load import HTTP, Load, drive, http_message
from devtools.errors import DevtoolsError

OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
    b'\r\n{"accepted":3}'
)
REFUSED = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\n{}"
ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MESSAGE = http_message("/v1/positions", b"[1, 2, 3]", "secret")


class Server:
    """Answers each message of every connection, byte by byte if need be."""

    def __init__(self, listener: socket.socket, answer: bytes, size: int) -> None:
        self._listener = listener
        self._answer = answer
        self._size = size
        self.received: list[bytes] = []
        self.port: int = listener.getsockname()[1]

    def run(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while True:
                message = b""
                while len(message) < self._size:
                    piece = connection.recv(self._size - len(message))
                    if not piece:
                        return
                    message += piece
                self.received.append(message)
                if not self._answer:
                    return
                middle = len(self._answer) // 2
                connection.sendall(self._answer[:middle])
                connection.sendall(self._answer[middle:])


@contextmanager
def serving(answer: bytes, size: int = len(MESSAGE)) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, answer, size)
        threading.Thread(target=server.run, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


def test_every_message_is_sent_and_its_fixes_are_counted() -> None:
    with serving(OK) as server:
        load = drive(server.port, [[MESSAGE] * 4, [MESSAGE] * 2], HTTP)
    assert load.stored == 18
    assert server.received == [MESSAGE] * 6
    assert len(load.latencies_ms) == 6 and load.per_s > 0


def test_a_message_larger_than_a_socket_takes_is_sent_whole() -> None:
    large = http_message("/", b" " * 20_000_000)
    with serving(OK, len(large)) as server:
        assert drive(server.port, [[large]], HTTP).stored == 3
    assert server.received == [large]


def test_a_slow_load_sends_when_a_message_is_due() -> None:
    with serving(OK) as server:
        load = drive(server.port, [[MESSAGE] * 2] * 2, HTTP, every_s=0.05)
    # Four messages: the last is due after three times the pause.
    assert load.stored == 12 and load.seconds >= 0.15


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (REFUSED, "refused"),
        (ENDLESS, "without a length"),
        (b"", "ended under load"),
        (OK.replace(b"accepted", b"rejected"), "refused"),
    ],
)
def test_what_is_not_acknowledged_ends_the_measurement(
    answer: bytes, words: str
) -> None:
    with serving(answer) as server:
        with pytest.raises(DevtoolsError, match=words):
            drive(server.port, [[MESSAGE]], HTTP)


def test_a_message_says_whose_it_is_and_how_long() -> None:
    head, _, body = MESSAGE.partition(b"\r\n\r\n")
    assert body == b"[1, 2, 3]"
    assert b"Content-Length: 9" in head and b"Authorization: Bearer secret" in head
    assert b"Authorization" not in http_message("/", b"")


def test_percentiles_are_of_the_messages() -> None:
    load = Load(3, 1.0, [1.0, 2.0, 3.0])
    assert (load.percentile_ms(50), load.percentile_ms(99)) == (2.0, 2.98)
