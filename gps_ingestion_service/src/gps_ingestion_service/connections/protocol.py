"""One HTTP connection within limits: uvicorn's, with deadlines and a budget.

uvicorn closes a kept connection that stays silent, but waits for ever for the head or
the body of a request, whatever their size. Here whatever goes past a limit is answered
in the application's stead, with the error body that the service has everywhere, and
ended. A request that comes in one piece arms no timer and costs nothing.
"""

import asyncio
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gps_ingestion_service.connections.budget import ByteBudget
from gps_ingestion_service.errors import (
    BodyTooLarge,
    HeadTooLarge,
    ServiceError,
    Stopping,
    TooManyBytes,
    TooManyConnections,
    TooSlow,
    error_response,
)
from gps_ingestion_service.observability.metrics import Metrics

# An orchestrator must not take a crowded service for a dead one.
_PROBES = frozenset({b"/livez", b"/readyz", b"/metrics"})
# Connections beyond the limit that are told so; whoever comes after them is not.
_TOLD = 100
_HEAD_BYTES = 64 * 1024
# An answer is lost where a connection is closed over bytes that nobody has read.
_LINGER_S = 2.0

log = structlog.stdlib.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """``connections`` at most; seconds for a request's head from the moment of
    connecting or from its first byte, for its body, for the sender to take an answer,
    and for a body that is under way when the service stops; bytes of a body."""

    connections: int
    head_s: float
    body_s: float
    drain_s: float
    body_bytes: int


def http_protocol(
    limits: Limits, metrics: Metrics, budget: ByteBudget
) -> type[HttpToolsProtocol]:
    """The protocol of a server with these limits."""

    class Protocol(BoundedProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(limits, metrics, budget, *args, **kwargs)

    return Protocol


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when a limit is reached."""

    def __init__(
        self,
        limits: Limits,
        metrics: Metrics,
        budget: ByteBudget,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._metrics = metrics
        self._budget = budget
        self._application = self.app
        self.app = self._run
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._in_excess = False
        self._ended = False
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = self._held = 0

    # -- the connection -----------------------------------------------------------

    # asyncio promises less of a transport than this protocol needs, as uvicorn's does.
    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Somebody connected."""
        super().connection_made(transport)
        self._metrics.http_connections.inc()
        open_now = len(self.connections)
        self._in_excess = open_now > self._limits.connections
        if open_now > self._limits.connections + _TOLD:
            self._count_end("too_many_connections")
            self._ended = True
            transport.abort()
            return
        self._arm(self._limits.head_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; what a running request holds is still held."""
        super().connection_lost(exc)
        self._metrics.http_connections.dec()
        self._ended = True
        self._disarm()
        self.resume_writing()
        if self._is_idle:
            self._release()

    def data_received(self, data: bytes) -> None:
        """Bytes came: whole requests, or parts of one."""
        if self._ended:
            return
        super().data_received(data)
        if self._ended or self.transport.is_closing():
            return
        if self._in_body:
            if self._timer is None:
                self._arm(self._limits.body_s, self._body_is_late)
            return
        if self._in_head:
            # The bytes in which it began may be those of the request before as well.
            self._head_bytes += len(data) if self._head_bytes else 1
            if self._head_bytes > _HEAD_BYTES:
                self._end(HeadTooLarge(_HEAD_BYTES))
                return
        # Any byte, even one that begins no request, has ended uvicorn's own deadline.
        if self._timer is None and self._is_idle and not self.timeout_keep_alive_task:
            self._arm(self._limits.head_s, self._head_is_late)

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def pause_writing(self) -> None:
        """The sender does not take its answer."""
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.body_s, self._is_stalled)

    def resume_writing(self) -> None:
        """It takes it again."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def shutdown(self) -> None:
        """The service stops: what came whole is answered, for the rest is little
        time."""
        super().shutdown()
        if self._in_body and not self._ended:
            self._disarm()
            self._arm(self._limits.drain_s, self._is_stopping)

    # -- the request --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head came; the body may follow."""
        self._disarm()
        self._in_head = False
        self._body_bytes = 0
        if self._in_excess and self.url.partition(b"?")[0] not in _PROBES:
            self._end(TooManyConnections())
            return
        super().on_headers_complete()
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        if self._ended:
            return
        if not self.cycle.response_complete:
            self._body_bytes += len(body)
            if self._body_bytes > self._limits.body_bytes:
                self._end(BodyTooLarge(self._limits.body_bytes))
                return
            if not self._budget.take(len(body)):
                self._end(TooManyBytes())
                return
            self._held += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._disarm()
        self._in_body = False
        self._head_bytes = 0
        if not self._ended:
            super().on_message_complete()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._application(scope, receive, send)
        finally:
            if not self.pipeline or self._ended:
                self._release()

    def _release(self) -> None:
        self._budget.give_back(self._held)
        self._held = 0

    # -- deadlines ----------------------------------------------------------------

    def _arm(self, seconds: float, late: Any) -> None:
        self._timer = self.loop.call_later(seconds, late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        if self._head_bytes:
            self._end(TooSlow("head", self._limits.head_s))
        else:
            # It never said a word, so it is owed none.
            self._count_end("silent")
            self._ended = True
            self.transport.close()

    def _body_is_late(self) -> None:
        self._end(TooSlow("body", self._limits.body_s))

    def _is_stopping(self) -> None:
        self._end(Stopping())

    def _is_stalled(self) -> None:
        self._count_end("does_not_read")
        self._ended = True
        self.transport.abort()

    def _end(self, error: ServiceError) -> None:
        """Answer in the application's stead, where it has not begun to, and hang up."""
        self._ended = True
        self._disarm()
        self._count_end(error.code)
        self._metrics.refused_requests.labels(error.code).inc()
        cycle: RequestResponseCycle | None = self.cycle
        answered_early = self._in_body and self._is_idle
        half_answered = not self._is_idle and self.cycle.response_started
        if not answered_early and not half_answered:
            self.transport.write(_raw(error))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._arm(_LINGER_S, self.transport.close)

    def _count_end(self, reason: str) -> None:
        self._metrics.http_ends.labels(reason).inc()
        log.info(
            "http_connection_ended",
            address=self.client[0] if self.client else None,
            reason=reason,
        )


def _raw(error: ServiceError) -> bytes:
    response = error_response(error)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[error.status], *lines, b"\r\n", bytes(response.body)])
