"""Quarantine: what could not be taken is kept raw, within bounds, to be taken later.

Every sender that proved who it is has an allowance of its own, so that one broken
tracker cannot push out the messages of another. All others share one, and write into it
only a few times a second. Within an allowance the oldest goes first, but nothing goes
that its sender was told to forget: where such messages have taken all the room, the
next one is refused, so that its sender keeps it.

What is refused while a transaction runs goes into the next one together: trackers whose
clocks are wrong would otherwise each take a connection for every frame.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gps_ingestion_service.database import Database, Executor, is_outage
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.errors import QuarantineFull, StorageUnavailable
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.quarantine import repository
from gps_ingestion_service.quarantine.repository import Refused
from gps_ingestion_service.rate_limit import RateLimit

# No device id looks like this.
ANONYMOUS = "@anonymous"

_ANONYMOUS_PER_S = 5.0
_ANONYMOUS_BURST = 20
_CHECK_EVERY_S = 600.0
_RETRY_AFTER_S = 30.0

log = structlog.stdlib.get_logger(__name__)


class Bounds:
    """How much is kept: per allowance, in all, and for how long; what was acknowledged
    as long as fixes are, ``fix_days``, or until somebody decides about it."""

    def __init__(
        self,
        device_bytes: int,
        max_bytes: int,
        days: float,
        fix_days: float | None = None,
    ) -> None:
        self.device_bytes = device_bytes
        self.max_bytes = max_bytes
        self.age = timedelta(days=days)
        self.acknowledged_age = None if fix_days is None else timedelta(days=fix_days)


class _Waiting:
    """The messages of one sender, and the future that it awaits."""

    def __init__(self, items: Sequence[Refused]) -> None:
        self.items = items
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, error: Exception | None = None) -> None:
        """Tell who waits, if anybody still does."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class Quarantine:
    """Keeps refused messages."""

    def __init__(
        self,
        database: Database,
        registry: DeviceRegistry,
        metrics: Metrics,
        bounds: Bounds,
    ) -> None:
        self._database = database
        self._registry = registry
        self._metrics = metrics
        self._bounds = bounds
        self._anonymous = RateLimit(_ANONYMOUS_PER_S, _ANONYMOUS_BURST)
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def keep(self, items: Sequence[Refused]) -> None:
        """Keep messages of senders that proved who they are; returns after commit.

        One that is larger than its whole allowance, and not to be acknowledged, is
        dropped, logged and counted. One of a device that is stored on trips only is
        dropped and counted: nobody can tell whether what was refused is of a trip.

        Raises:
            StorageUnavailable: nothing was kept.
            QuarantineFull: neither, because what was acknowledged takes all the room.
        """
        fitting = [item for item in items if self._may_keep(item) and self._fits(item)]
        if not fitting:
            return
        waiting = _Waiting(fitting)
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await waiting.done

    async def _write(self) -> None:
        """Write until nobody waits."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit(group)
        finally:
            self._writer = None

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._store([item for waiting in group for item in waiting.items])
        except StorageUnavailable as error:
            for waiting in group:
                waiting.end(error)
        except Exception as error:
            if len(group) == 1:
                group[0].end(error)
                return
            # It is one of them; the others are kept.
            for waiting in group:
                await self._commit([waiting])
        else:
            for waiting in group:
                waiting.end()

    async def _store(self, items: Sequence[Refused]) -> None:
        async with self._database.query() as connection, connection.transaction():
            await repository.insert(connection, items)
            await self._require_room(connection, items)
            for allowance in sorted({item.allowance for item in items}):
                await repository.trim(connection, allowance, self._bounds.device_bytes)
        for item in items:
            self._metrics.quarantined.labels(item.protocol, item.code).inc()

    async def _require_room(
        self, connection: Executor, items: Sequence[Refused]
    ) -> None:
        """After they were added: what was there before takes no more room."""
        for allowance in sorted({i.allowance for i in items if i.acknowledged}):
            own, total = await repository.acknowledged_bytes(connection, allowance)
            if own > self._bounds.device_bytes or total > self._bounds.max_bytes:
                self._metrics.quarantine_dropped.labels("full").inc()
                log.error("quarantine_full", allowance=allowance, own=own, total=total)
                raise QuarantineFull()

    async def keep_if_possible(self, item: Refused) -> None:
        """Keep a message for which nothing was promised.

        What nobody answers for is kept at a low rate only, so that a flood of it
        neither loads the database nor pushes out what is worth looking at.
        """
        if item.allowance == ANONYMOUS and self._anonymous.take():
            self._metrics.quarantine_dropped.labels("rate_limited").inc()
            return
        try:
            await self.keep([item])
        except StorageUnavailable:
            self._metrics.quarantine_dropped.labels("unavailable").inc()

    def _may_keep(self, item: Refused) -> bool:
        for name in (item.device_id, item.allowance):
            device = self._registry.device(name) if name else None
            if device is not None and device.only_on_trip:
                self._metrics.quarantine_dropped.labels("private").inc()
                return False
        return True

    def _fits(self, item: Refused) -> bool:
        if item.acknowledged or item.size <= self._bounds.device_bytes:
            return True
        self._metrics.quarantine_dropped.labels("too_large").inc()
        log.error(
            "refused_message_too_large_to_keep",
            device=item.device_id,
            size=item.size,
            code=item.code,
        )
        return False

    async def run(self) -> None:
        """Let go of what is too old or too much. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.expire())

    async def expire(self) -> float:
        """Let go now; the seconds until the next time."""
        now = datetime.now(UTC)
        age = self._bounds.acknowledged_age
        forgotten = 0
        try:
            async with self._database.query() as connection:
                count = await repository.expire(
                    connection, now - self._bounds.age, self._bounds.max_bytes
                )
                if age is not None:
                    forgotten = await repository.expire_acknowledged(
                        connection, now - age
                    )
        except Exception as error:
            if not is_outage(error):
                raise
            return _RETRY_AFTER_S
        if count:
            log.info("quarantine_expired", count=count)
        if forgotten:
            self._metrics.quarantine_dropped.labels("retention").inc(forgotten)
            log.warning("quarantine_acknowledged_expired", count=forgotten)
        return _CHECK_EVERY_S
