"""One reader of the database per replica, and a queue per open map."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
import structlog

from gps_ingestion_service.database import Database, is_outage
from gps_ingestion_service.live import repository
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.repository import StoredPosition

POLL_S = 1.0
# A fix is received before it is committed, and replicas' clocks differ: what was
# received so long before the last look may have become visible after it.
OVERLAP = timedelta(seconds=60)

log = structlog.stdlib.get_logger(__name__)


class Event(msgspec.Struct, frozen=True):
    """A position that moved; ``id`` is where to resume after it."""

    id: datetime
    position: StoredPosition


_Queue = asyncio.Queue[Event | None]


class Feed:
    """Tells every subscriber which positions moved, at least once.

    A vehicle that moved several times between two looks is told once, with its newest
    position: that is what a map shows, and it bounds what anybody has to catch up with.
    """

    def __init__(
        self, database: Database, metrics: Metrics, max_clients: int, queue_size: int
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._max_clients = max_clients
        self._queue_size = queue_size
        self._queues: set[_Queue] = set()
        self._subscribed = asyncio.Event()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether it takes no further subscriber."""
        return self._closed or len(self._queues) >= self._max_clients

    async def subscribe(
        self, resume_after: datetime | None
    ) -> AsyncGenerator[Event, None]:
        """First what moved since ``resume_after``, or every position; then what moves.

        It ends when the service stops, and for a subscriber that does not keep up: both
        resume later with the last id that they saw.

        Raises:
            StorageUnavailable: where the database cannot be read.
        """
        with self._queue() as queue:
            since = None if resume_after is None else resume_after - OVERLAP
            async with self._database.query() as connection:
                missed = await repository.moved(connection, since)
            for position in missed.positions:
                yield Event(missed.now, position)
            while (event := await queue.get()) is not None:
                yield event

    @contextmanager
    def _queue(self) -> Iterator[_Queue]:
        queue = _Queue(self._queue_size)
        self._queues.add(queue)
        self._metrics.live_clients.set(len(self._queues))
        self._subscribed.set()
        try:
            yield queue
        finally:
            self._queues.discard(queue)
            self._metrics.live_clients.set(len(self._queues))

    def close(self) -> None:
        """End every subscription, so that a stop does not wait for open maps."""
        self._closed = True
        for queue in list(self._queues):
            self._end(queue)

    def _end(self, queue: _Queue) -> None:
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    async def run(self) -> None:
        """Look while anybody is subscribed. Runs until cancelled."""
        while True:
            self._subscribed.clear()
            if not self._queues:
                await self._subscribed.wait()
            await self._watch()

    async def _watch(self) -> None:
        """Tell what moves until nobody listens any more.

        The first look reaches back too: something may have moved since the subscriber
        read the positions and before this began.
        """
        told: dict[str, datetime] = {}
        since: datetime | None = None
        while self._queues:
            try:
                async with self._database.query() as connection:
                    if since is None:
                        since = await repository.clock(connection)
                    found = await repository.moved(connection, since - OVERLAP)
            except Exception as error:
                if not is_outage(error):
                    raise
                # The next look reaches back to the last one that succeeded.
                log.warning("live_feed_waits", error=type(error).__name__)
            else:
                for position in found.positions:
                    time = position.fix.fix_time
                    if told.get(position.device_id) != time:
                        told[position.device_id] = time
                        self._tell(Event(found.now, position))
                since = found.now
            await asyncio.sleep(POLL_S)

    def _tell(self, event: Event) -> None:
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._metrics.live_dropped.inc()
                self._end(queue)
