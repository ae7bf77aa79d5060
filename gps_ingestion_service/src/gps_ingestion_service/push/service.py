"""The loop that empties the outbox into Odoo.

One replica at a time pushes: it holds a session-level advisory lock, so its successor
takes over as soon as its connection is gone. No transaction is open during a call. A
position leaves the outbox only after Odoo answered for it, and only if it is still the
one that was sent; a call that was cut off is therefore sent again, which is safe
because Odoo keeps the newest fix per vehicle.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.push import repository
from gps_ingestion_service.push.client import (
    BatchRefused,
    OdooClient,
    OdooUnavailable,
    Result,
)
from gps_ingestion_service.push.repository import Waiting

PUSH_LOCK = 0x6770735F707368
MAX_POSITIONS = 500
# A vehicle that was just created should be on the map soon, and a row per vehicle is
# cheap to send again.
_DEFER_FIRST_S = 5.0
_DEFER_LONGEST_S = 30.0
_GIVE_UP_AFTER = timedelta(days=1)

log = structlog.stdlib.get_logger(__name__)


class Pusher:
    """Pushes what is due, every ``interval_s``; slower while Odoo is down."""

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
            if not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", PUSH_LOCK
            ):
                return
            self._metrics.push_leader.set(1)
            while True:
                await self.push_due(connection)
                await asyncio.sleep(self._pause_s())
        finally:
            self._metrics.push_leader.set(0)
            connection.terminate()

    def _pause_s(self) -> float:
        if self._failures == 0:
            return self._interval_s
        longest = min(self._interval_s * 2.0**self._failures, self._backoff_max_s)
        # Jitter: replicas of many services must not all knock at the same moment.
        return longest * random.uniform(0.5, 1.0)

    async def push_due(self, connection: Connection) -> None:
        """Send batch after batch until nothing is due or Odoo does not answer."""
        while positions := await repository.due(connection, MAX_POSITIONS):
            try:
                await self._send(connection, positions)
            except OdooUnavailable as error:
                self._failures = min(self._failures + 1, 30)
                self._metrics.pushed.labels("unavailable").inc(len(positions))
                log.warning("push_failed", reason=str(error), in_a_row=self._failures)
                return
            self._failures = 0
            if len(positions) < MAX_POSITIONS:
                return

    async def _send(self, connection: Connection, positions: Sequence[Waiting]) -> None:
        try:
            results = await self._call(positions)
        except BatchRefused as error:
            if len(positions) == 1:
                await self._defer(connection, positions, str(error))
                return
            middle = len(positions) // 2
            await self._send(connection, positions[:middle])
            await self._send(connection, positions[middle:])
            return
        await self._settle(connection, positions, results)

    async def _call(self, positions: Sequence[Waiting]) -> list[Result]:
        started = time.perf_counter()
        outcome = "failed"
        try:
            results = await self._client.send(positions)
            outcome = "answered"
            return results
        finally:
            self._metrics.push_calls.labels(outcome).observe(
                time.perf_counter() - started
            )

    async def _settle(
        self,
        connection: Connection,
        positions: Sequence[Waiting],
        results: Sequence[Result],
    ) -> None:
        pairs = list(zip(positions, results, strict=True))
        now = datetime.now(UTC)
        for position, result in pairs:
            self._metrics.pushed.labels(result.value).inc()
            if result is Result.STORED:
                lag = now - position.received_at
                self._metrics.push_lag.observe(max(0.0, lag.total_seconds()))
            if result is Result.INVALID:
                # It will never become valid, and the next fix takes its place.
                log.error(
                    "position_invalid", vehicle_identifier=position.vehicle_identifier
                )
        unknown = Result.UNKNOWN_VEHICLE
        refused = [position for position, result in pairs if result is unknown]
        settled = [position for position, result in pairs if result is not unknown]
        # A day later nobody waits for that position; the next fix queues itself.
        old = [item for item in refused if now - item.received_at > _GIVE_UP_AFTER]
        if old:
            self._metrics.pushed.labels("given_up").inc(len(old))
            log.warning("positions_given_up", count=len(old), reason=unknown.value)
        kept = [item for item in refused if item not in old]
        if kept:
            await self._defer(connection, kept, unknown.value)
        await repository.settle(connection, [*settled, *old])

    async def _defer(
        self, connection: Connection, positions: Sequence[Waiting], reason: str
    ) -> None:
        """Keep them: the vehicle may be created any minute, and one row each is all
        that they ever take."""
        await repository.defer(connection, positions, _DEFER_FIRST_S, _DEFER_LONGEST_S)
        log.warning(
            "positions_deferred",
            reason=reason,
            count=len(positions),
            vehicle_identifiers=[item.vehicle_identifier for item in positions[:10]],
        )
