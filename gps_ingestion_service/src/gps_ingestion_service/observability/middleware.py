"""What surrounds every request: an id, one log line, one measurement."""

import asyncio
import os
import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gps_ingestion_service.errors import ServiceError, Stopping, error_response
from gps_ingestion_service.observability.metrics import Metrics

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Probes and scrapes come every few seconds; their lines would drown the rest.
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})

# The status that proxies log for a client that left before the answer.
_CLIENT_CLOSED = 499

log = structlog.stdlib.get_logger("gps_ingestion_service.access")


class RequestContext:
    """ASGI middleware. The query string is never logged: it may hold a token."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; an unforeseen error becomes a plain 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                # Half a request: nothing of it was taken, and nobody waits for an
                # answer.
                status = _CLIENT_CLOSED
            except asyncio.CancelledError:
                # The stop waits no longer. What was sent may be stored or not: to send
                # it again is harmless.
                if status == 0:
                    await error_response(Stopping())(scope, receive, send_with_id)
                raise
            except Exception:
                log.exception("unhandled_error", path=scope["path"])
                if status == 0:
                    await _internal_error()(scope, receive, send_with_id)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The template, not the path: a label per device would never stop growing.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.http.labels(scope["method"], route, str(status)).observe(seconds)
        if scope["path"] not in _QUIET:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round(seconds * 1000, 2),
            )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def _internal_error() -> ASGIApp:
    return error_response(
        ServiceError(
            500,
            "internal_error",
            "the service failed; the request id names the log line that says why",
        )
    )
