"""A TCP port for one format: who is connected, how many, and how it ends."""

import asyncio
from collections import Counter

import structlog

from gps_ingestion_service.connections.drain import end_within
from gps_ingestion_service.formats import TrackerFormat
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.trackers.connection import Connection, HangUp, Patience
from gps_ingestion_service.trackers.intake import Intake

_BACKLOG = 1024
# A tracker must not be kept out because others do not say who they are.
_SHARE_WITHOUT_LOGIN = 0.2

log = structlog.stdlib.get_logger(__name__)


class StreamListener:
    """Listens on one port until stopped."""

    def __init__(
        self,
        tracker: TrackerFormat,
        intake: Intake,
        metrics: Metrics,
        patience: Patience,
        max_connections: int,
        max_per_address: int,
    ) -> None:
        self._tracker = tracker
        self._intake = intake
        self._metrics = metrics
        self._patience = patience
        self._max_connections = max_connections
        self._max_per_address = max_per_address or max_connections
        self._max_without_login = max(1, int(max_connections * _SHARE_WITHOUT_LOGIN))
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._by_address: Counter[str] = Counter()
        self._by_device: dict[str, Connection] = {}
        self._without_login = 0

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chose where ``port`` is 0."""
        self._server = await asyncio.start_server(
            self._accept,
            host,
            port,
            backlog=_BACKLOG,
            limit=self._tracker.max_frame_bytes,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, patience_s: float) -> None:
        """Take no more connections, answer the frames in hand, for that long at most,
        then hang up."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections.values()):
            connection.stop("shutdown")
        await end_within(list(self._connections), patience_s)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = writer.get_extra_info("peername")
        address = peer[0] if peer else "unknown"
        reason = self._why_not(address)
        if reason is not None:
            self._count_end(reason)
            writer.transport.abort()
            return
        connection = Connection(
            self._tracker, self._intake, self._patience, reader, writer
        )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served outside of a task")
        self._connections[task] = connection
        self._by_address[address] += 1
        self._gauge()
        try:
            await self._serve(connection)
        except HangUp as end:
            self._end(connection, address, str(end))
        except Exception:
            log.exception("connection_failed", protocol=self._tracker.name)
            self._count_end("error")
        finally:
            del self._connections[task]
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
            self._gauge()
            connection.close()

    def _why_not(self, address: str) -> str | None:
        if len(self._connections) >= self._max_connections:
            return "too_many"
        if self._without_login >= self._max_without_login:
            return "too_many_without_login"
        if self._by_address[address] >= self._max_per_address:
            return "too_many_of_address"
        return None

    async def _serve(self, connection: Connection) -> None:
        self._without_login += 1
        try:
            await connection.login()
        finally:
            self._without_login -= 1
        device_id = str(connection.device_id)
        before = self._by_device.get(device_id)
        if before is not None:
            # A tracker that lost its network comes back before the old connection ends.
            before.stop("replaced")
        self._by_device[device_id] = connection
        try:
            await connection.converse()
        finally:
            if self._by_device.get(device_id) is connection:
                del self._by_device[device_id]

    def _end(self, connection: Connection, address: str, reason: str) -> None:
        self._count_end(reason)
        log.info(
            "tracker_disconnected",
            protocol=self._tracker.name,
            device=connection.device_id,
            address=address,
            reason=reason,
        )

    def _count_end(self, reason: str) -> None:
        self._metrics.tracker_ends.labels(self._tracker.name, reason).inc()

    def _gauge(self) -> None:
        self._metrics.tracker_connections.labels(self._tracker.name).set(
            len(self._connections)
        )
