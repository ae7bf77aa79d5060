"""The loop that empties an outbox into Odoo.

One replica at a time pushes: it holds a session-level advisory lock, so its successor
takes over as soon as its connection is gone. No transaction is open during a call. What
was sent leaves the outbox only after Odoo answered for it, so a call that was cut off
is made again.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter, Gauge

from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.push.client import (
    Answer,
    BatchRefused,
    OdooClient,
    OdooUnavailable,
)

BATCH = 500

log = structlog.stdlib.get_logger(__name__)

_Item = TypeVar("_Item")


class PushLoop(ABC, Generic[_Item]):
    """Pushes what is due, every ``interval_s``; slower while Odoo is down."""

    lock_key: int
    path: str

    def __init__(
        self,
        database: Database,
        client: OdooClient,
        metrics: Metrics,
        interval_s: float,
        backoff_max_s: float,
    ) -> None:
        self._database = database
        self._client = client
        self._metrics = metrics
        self._interval_s = interval_s
        self._backoff_max_s = backoff_max_s
        self._failures = 0

    @property
    @abstractmethod
    def leader(self) -> Gauge:
        """1 while this replica pushes."""

    @property
    @abstractmethod
    def pushed(self) -> Counter:
        """Counts what was pushed by result."""

    @abstractmethod
    async def due(self, connection: Connection, limit: int) -> Sequence[_Item]:
        """What has waited longest and may be sent now."""

    @abstractmethod
    def encode(self, items: Sequence[_Item]) -> bytes:
        """The body of one call."""

    @abstractmethod
    async def settle(
        self, connection: Connection, items: Sequence[_Item], answers: Sequence[Answer]
    ) -> None:
        """Store what Odoo's answers mean."""

    @abstractmethod
    async def refuse(self, connection: Connection, item: _Item, reason: str) -> None:
        """Odoo refuses the very body of this one."""

    async def run(self) -> None:
        """Push whenever this replica leads. Runs until cancelled."""
        while True:
            try:
                await self._lead()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("outbox_not_read", error=type(error).__name__)
            await asyncio.sleep(self._interval_s)

    async def _lead(self) -> None:
        connection = await self._database.connect()
        try:
            # On one connection: a new one for each question would cost the server more
            # than the leader's work. Not a lock that waits: a statement may not last.
            while not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", self.lock_key
            ):
                await asyncio.sleep(self._interval_s)
            self.leader.set(1)
            while True:
                await self.push_due(connection)
                await asyncio.sleep(self._pause_s())
        finally:
            self.leader.set(0)
            connection.terminate()

    def _pause_s(self) -> float:
        if self._failures == 0:
            return self._interval_s
        longest = min(self._interval_s * 2.0**self._failures, self._backoff_max_s)
        # Jitter: replicas of many services must not all knock at the same moment.
        return longest * random.uniform(0.5, 1.0)

    async def push_due(self, connection: Connection) -> None:
        """Send batch after batch until nothing is due or Odoo does not answer."""
        while items := await self.due(connection, BATCH):
            try:
                await self._send(connection, items)
            except OdooUnavailable as error:
                self._failures = min(self._failures + 1, 30)
                self.pushed.labels("unavailable").inc(len(items))
                log.warning(
                    "push_failed",
                    path=self.path,
                    reason=str(error),
                    in_a_row=self._failures,
                )
                return
            self._failures = 0
            if len(items) < BATCH:
                return

    async def _send(self, connection: Connection, items: Sequence[_Item]) -> None:
        try:
            answers = await self._call(items)
        except BatchRefused as error:
            if len(items) == 1:
                await self.refuse(connection, items[0], str(error))
                return
            middle = len(items) // 2
            await self._send(connection, items[:middle])
            await self._send(connection, items[middle:])
            return
        for answer in answers:
            self.pushed.labels(answer.result.value).inc()
        await self.settle(connection, items, answers)

    async def _call(self, items: Sequence[_Item]) -> list[Answer]:
        started = time.perf_counter()
        outcome = "failed"
        try:
            answers = await self._client.send(self.path, self.encode(items), len(items))
            outcome = "answered"
            return answers
        finally:
            self._metrics.push_calls.labels(outcome).observe(
                time.perf_counter() - started
            )
