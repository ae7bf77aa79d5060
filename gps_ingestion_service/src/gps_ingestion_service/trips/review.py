"""Ended trips, looked at once more: when they have just ended, and whenever fixes of
them come later. What is told of them and what they teach is what all fixes say.

It is done apart from the end of the trip and from the evaluation of facts, because it
reads the whole way, and nobody shall wait for that.
"""

import asyncio

import structlog

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.repository import save_facts
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.trips import repository
from gps_ingestion_service.trips.fact import tell_ended
from gps_ingestion_service.trips.intervals import Interval
from gps_ingestion_service.trips.progress import Journey, progress

log = structlog.stdlib.get_logger(__name__)


class TripReview:
    """Looks at ended trips, one at a time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def one(self, connection: Executor) -> bool:
        """Look at the trip that has waited longest; False where none has.

        One that cannot be looked at waits, longer each time.
        """
        interval: Interval | None = None
        try:
            async with connection.transaction():
                interval = await repository.claim_due(connection)
                if interval is not None:
                    await self._tell(connection, interval)
                    await self._learn(connection, interval)
        except Exception:
            if interval is None:
                raise
            await repository.postpone_due(connection, interval.id)
            self._metrics.facts_failed.inc()
            log.exception("trip_not_reviewed", reference=interval.trip.reference)
        return interval is not None

    async def _tell(self, connection: Executor, interval: Interval) -> None:
        found = await repository.last_seen(
            connection,
            interval.vehicle_identifier,
            interval.started_at,
            interval.ended_at,
        )
        if found is None:
            return
        device, seen = found
        known = await repository.facts(connection, [interval.fact])
        # It stays with the device that told it first.
        device, told = known.get(interval.fact, (device, None))
        last = progress(interval.trip, seen, interval.pace)
        change = tell_ended(interval, last, told)
        if change is not None:
            await save_facts(connection, [(device, change)])
            outcome = "new" if told is None else "changed"
            self._metrics.facts.labels(change.fact.kind, outcome).inc()

    async def _learn(self, connection: Executor, interval: Interval) -> None:
        journey = Journey(interval.trip)
        async for part in repository.way(connection, interval):
            if await asyncio.to_thread(journey.take, part):
                break
        await repository.set_lesson(connection, interval, journey.lesson)
