"""One reader of the database per replica, and what it found for every open map."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

import msgspec
import structlog

from gps_ingestion_service.database import Database, is_outage
from gps_ingestion_service.live import repository
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.repository import StoredPosition

POLL_S = 1.0

log = structlog.stdlib.get_logger(__name__)


class Event(msgspec.Struct, frozen=True):
    """A position that moved; ``id`` is where to resume after it, and None where that is
    after a later one only."""

    id: int | None
    position: StoredPosition


class _News(msgspec.Struct, frozen=True):
    """What a look found; ``number`` counts it, ``horizon`` is where the look began."""

    number: int
    horizon: int
    position: StoredPosition


class _Subscriber:
    """Has been told the news up to that number, and takes events since that time of
    the monotonic clock; for ever not while it waits."""

    def __init__(self, told: int) -> None:
        self.told = told
        self.taking_since = math.inf


class Feed:
    """Tells every subscriber which positions moved, at least once.

    A vehicle that moves again before a subscriber heard of it is told once, with its
    newest position: that is what a map shows. So nobody has more to catch up with than
    there are vehicles, and all share one list. Who takes no event for ``patience_s``
    seconds is given up.
    """

    def __init__(
        self, database: Database, metrics: Metrics, max_clients: int, patience_s: float
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._max_clients = max_clients
        self._patience_s = patience_s
        self._subscribers: set[_Subscriber] = set()
        # By device, the newest last.
        self._news: dict[str, _News] = {}
        self._count = 0
        self._since: int | None = None
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether it takes no further subscriber."""
        return self._closed or len(self._subscribers) >= self._max_clients

    async def subscribe(self, resume_after: int | None) -> AsyncGenerator[Event, None]:
        """First what moved since ``resume_after``, or every position; then what moves.

        It ends when the service stops, and for a subscriber that does not keep up: both
        resume later with the last id that they saw.

        Raises:
            StorageUnavailable: where the database cannot be read.
        """
        with self._subscriber() as me:
            async with self._database.query() as connection:
                missed = await repository.moved(connection, resume_after)
            self._look_since(missed.horizon)
            events = _events(missed.positions, missed.horizon)
            while me in self._subscribers:
                for event in events:
                    me.taking_since = time.monotonic()
                    yield event
                    if me not in self._subscribers:
                        return
                me.taking_since = math.inf
                events = await self._next(me)

    @contextmanager
    def _subscriber(self) -> Iterator[_Subscriber]:
        me = _Subscriber(self._count)
        self._subscribers.add(me)
        self._metrics.live_clients.set(len(self._subscribers))
        try:
            yield me
        finally:
            self._subscribers.discard(me)
            self._metrics.live_clients.set(len(self._subscribers))

    def _look_since(self, horizon: int) -> None:
        """Nothing that was not visible then may be passed over."""
        if self._since is None or horizon < self._since:
            self._since = horizon
            self._wake()

    async def _next(self, me: _Subscriber) -> list[Event]:
        """What there is to tell, as soon as there is something."""
        await self._until(lambda: self._count > me.told or me not in self._subscribers)
        newest_first = takewhile(
            lambda item: item.number > me.told, reversed(self._news.values())
        )
        news = list(newest_first)[::-1]
        me.told = self._count
        return _events(
            [item.position for item in news], news[-1].horizon if news else 0
        )

    def close(self) -> None:
        """End every subscription, so that a stop does not wait for open maps."""
        self._closed = True
        self._subscribers.clear()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    async def run(self) -> None:
        """Look while anybody is subscribed. Runs until cancelled."""
        while True:
            await self._until(lambda: self._since is not None)
            while self._subscribers:
                await self._look()
                self._give_up()
                await asyncio.sleep(POLL_S)
            self._news.clear()
            self._since = None

    async def _look(self) -> None:
        since = self._since
        try:
            async with self._database.query() as connection:
                found = await repository.moved(connection, since)
        except Exception as error:
            if not is_outage(error):
                raise
            # The next look reaches back to the last one that succeeded.
            log.warning("live_feed_waits", error=type(error).__name__)
            return
        for position in found.positions:
            self._add(position, found.horizon)
        if self._since == since:
            self._since = found.horizon
        self._wake()

    def _add(self, position: StoredPosition, horizon: int) -> None:
        name = position.device_id
        known = self._news.get(name)
        if known is None or known.position.fix.fix_time != position.fix.fix_time:
            self._news.pop(name, None)
            self._count += 1
            self._news[name] = _News(self._count, horizon, position)

    def _give_up(self) -> None:
        """Let go of those that take nothing: their places are for others."""
        latest = time.monotonic() - self._patience_s
        stuck = {item for item in self._subscribers if item.taking_since < latest}
        if stuck:
            self._subscribers -= stuck
            self._metrics.live_dropped.inc(len(stuck))
            self._metrics.live_clients.set(len(self._subscribers))


def _events(positions: Sequence[StoredPosition], horizon: int) -> list[Event]:
    """The last one alone carries the id: who has seen it has seen the others."""
    events = [Event(None, position) for position in positions[:-1]]
    events += [Event(horizon, position) for position in positions[-1:]]
    return events
