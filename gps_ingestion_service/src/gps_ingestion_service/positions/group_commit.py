"""Group commit: the rows of many requests share one transaction.

A request waits until the transaction that holds its rows is committed; while one
commit runs, the next group gathers. So one connection per process is enough, an idle
service answers at once, and a busy one grows its groups instead of its queue.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from gps_ingestion_service.database import Failure, classify
from gps_ingestion_service.errors import QueueFull, StorageUnavailable
from gps_ingestion_service.fix import Fix, Flag, Status
from gps_ingestion_service.observability.metrics import Metrics

_CONFLICT_RETRIES = 5

log = structlog.stdlib.get_logger(__name__)


Key = tuple[int, datetime]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A fix of a known device, ready to be stored."""

    device: int
    fix: Fix
    received_at: datetime
    flags: Flag = Flag(0)

    @property
    def key(self) -> Key:
        """The primary key: what makes two rows the same fix."""
        return self.device, self.fix.fix_time


Store = Callable[[Sequence[Entry]], Awaitable[Mapping[Key, Status]]]
AddAlarms = Callable[[Sequence[Entry]], Awaitable[None]]


class _Waiting:
    """The rows of one request and the future that its handler awaits."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.done: asyncio.Future[list[Status]] = (
            asyncio.get_running_loop().create_future()
        )


class GroupCommit:
    """Gathers rows and commits them in groups.

    ``store`` writes rows whose keys differ, in one transaction, and returns the keys
    of those that it did not store, and why, once that transaction is committed.
    ``add_alarms`` gives the alarms of rows that repeat a key to the fix that has it.
    """

    def __init__(
        self,
        store: Store,
        add_alarms: AddAlarms,
        metrics: Metrics,
        queue_max_rows: int,
        commit_max_rows: int,
    ) -> None:
        self._store = store
        self._add_alarms = add_alarms
        self._metrics = metrics
        self._queue_max_rows = queue_max_rows
        self._commit_max_rows = commit_max_rows
        self._queue: deque[_Waiting] = deque()
        self._queued_rows = 0
        self._wake = asyncio.Event()
        self._closing = False

    async def submit(self, entries: Sequence[Entry]) -> list[Status]:
        """Store the rows; returns after commit, one status per row.

        Raises:
            QueueFull: too many rows wait already; nothing was taken.
            StorageUnavailable: the commit failed or its outcome is unknown.
        """
        if not entries:
            return []
        if self._closing or self._queued_rows + len(entries) > self._queue_max_rows:
            raise QueueFull()
        waiting = _Waiting(entries)
        self._queue.append(waiting)
        self._count(len(entries))
        self._wake.set()
        return await waiting.done

    async def run(self) -> None:
        """Commit group after group until closed and empty."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._commit(self._take())
            if self._closing:
                return

    def close(self) -> None:
        """Take no more rows; :meth:`run` returns once the queue is empty."""
        self._closing = True
        self._wake.set()

    def _take(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        rows = len(group[0].entries)
        while self._queue:
            rows += len(self._queue[0].entries)
            if rows > self._commit_max_rows:
                break
            group.append(self._queue.popleft())
        return group

    def _count(self, rows: int) -> None:
        self._queued_rows += rows
        self._metrics.queue_rows.set(self._queued_rows)

    async def _commit(self, group: list[_Waiting]) -> None:
        entries = [entry for waiting in group for entry in waiting.entries]
        try:
            statuses = await self._store_or_split(entries)
        except Exception as error:
            self._fail(group, error)
        else:
            start = 0
            for waiting in group:
                end = start + len(waiting.entries)
                if not waiting.done.done():
                    waiting.done.set_result(statuses[start:end])
                start = end
        finally:
            self._count(-len(entries))

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        outage = classify(error) is not None
        if outage:
            log.warning("commit_failed", error=type(error).__name__)
        else:
            log.error("commit_failed", exc_info=error)
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_exception(StorageUnavailable())

    async def _store_or_split(self, entries: Sequence[Entry]) -> list[Status]:
        """Store all rows, or, where the database refuses one, all but that one."""
        try:
            return await self._store_unique(entries)
        except Exception as error:
            if classify(error) is not Failure.REFUSED:
                raise
            if len(entries) == 1:
                log.error(
                    "row_refused",
                    device=entries[0].device,
                    fix_time=entries[0].fix.fix_time.isoformat(),
                    error=type(error).__name__,
                )
                return [Status.REJECTED]
        middle = len(entries) // 2
        return [
            *await self._store_or_split(entries[:middle]),
            *await self._store_or_split(entries[middle:]),
        ]

    async def _store_unique(self, entries: Sequence[Entry]) -> list[Status]:
        """Of rows with the same key the first is stored, the others repeat it."""
        keys = [entry.key for entry in entries]
        first: dict[Key, int] = {}
        for index, key in enumerate(keys):
            first.setdefault(key, index)
        unique = len(first) == len(keys)
        left_out = await self._write(
            entries if unique else [entries[index] for index in first.values()]
        )
        if unique and not left_out:
            return [Status.ACCEPTED] * len(keys)
        statuses = [
            left_out.get(
                key, Status.ACCEPTED if first[key] == index else Status.DUPLICATE
            )
            for index, key in enumerate(keys)
        ]
        # A tracker with a clock of whole seconds may report twice in one, and say only
        # the second time that somebody pressed the panic button.
        repeats = [
            entry
            for entry, status in zip(entries, statuses, strict=True)
            if status is Status.DUPLICATE and entry.fix.alarm is not None
        ]
        if repeats:
            await self._add_alarms(repeats)
        return statuses

    async def _write(self, entries: Sequence[Entry]) -> Mapping[Key, Status]:
        for attempt in range(_CONFLICT_RETRIES + 1):
            started = time.perf_counter()
            outcome = "committed"
            try:
                return await self._store(entries)
            except Exception as error:
                failure = classify(error)
                outcome = failure.name.lower() if failure else "error"
                if failure is not Failure.CONFLICT or attempt == _CONFLICT_RETRIES:
                    raise
            finally:
                self._metrics.commit.labels(outcome).observe(
                    time.perf_counter() - started
                )
                self._metrics.commit_rows.observe(len(entries))
        raise AssertionError("unreachable: the last attempt returns or raises")
