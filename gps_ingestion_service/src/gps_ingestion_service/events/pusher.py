"""Events, to Odoo: what it cannot take becomes a dead letter, nothing is dropped."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.events import repository
from gps_ingestion_service.events.repository import Event
from gps_ingestion_service.geofences import repository as geofences
from gps_ingestion_service.push.client import Answer, Result
from gps_ingestion_service.push.loop import PushLoop
from gps_ingestion_service.trips import intervals
from gps_ingestion_service.trips import repository as trips

_DEFER_FIRST_S = 5.0
_DEFER_LONGEST_S = 300.0
_DEAD_AFTER = timedelta(days=1)
_EXPIRE_EVERY_S = 3600.0
_RETRY_AFTER_S = 30.0

log = structlog.stdlib.get_logger(__name__)


class EventPusher(PushLoop[Event]):
    """Pushes the facts that Odoo lacks."""

    lock_key = 0x6770735F657674
    path = "/tms/gps/v1/events"

    @property
    def leader(self) -> Gauge:
        """1 while this replica pushes events."""
        return self._metrics.event_push_leader

    @property
    def pushed(self) -> Counter:
        """Events by result."""
        return self._metrics.pushed_events

    async def due(self, connection: Connection, limit: int) -> Sequence[Event]:
        """The events that have waited longest."""
        return await repository.due(connection, limit)

    def encode(self, items: Sequence[Event]) -> bytes:
        """A batch as ``docs/interfaces.md`` describes it."""
        return msgspec.json.encode(
            {
                "batch_id": str(uuid.uuid4()),
                "events": [payload(event) for event in items],
            }
        )

    async def settle(
        self, connection: Connection, items: Sequence[Event], answers: Sequence[Answer]
    ) -> None:
        """Note what Odoo has, try again what it may take yet, bury the rest."""
        old = datetime.now(UTC) - _DEAD_AFTER
        delivered, deferred, dead = [], [], []
        for event, answer in zip(items, answers, strict=True):
            if answer.result is Result.INVALID:
                dead.append((event, f"invalid: {answer.reason}"))
            elif answer.result is not Result.UNKNOWN_VEHICLE:
                delivered.append(event)
            elif event.changed_at < old:
                dead.append((event, "unknown_vehicle"))
            else:
                deferred.append(event)
        await repository.deliver(connection, delivered)
        await repository.defer(connection, deferred, _DEFER_FIRST_S, _DEFER_LONGEST_S)
        await self._bury(connection, dead)

    async def refuse(self, connection: Connection, item: Event, reason: str) -> None:
        """It would be refused for ever."""
        await self._bury(connection, [(item, f"refused: {reason}")])

    async def _bury(
        self, connection: Connection, dead: Sequence[tuple[Event, str]]
    ) -> None:
        events = [event for event, _ in dead]
        await repository.bury(connection, events, [reason for _, reason in dead])
        for event, reason in dead:
            self.pushed.labels("dead").inc()
            log.error("event_dead", uuid=str(event.stored.uuid), reason=reason)


def payload(event: Event) -> dict[str, Any]:
    """One event on the wire: the fact as it is at this revision."""
    fact = event.stored.fact
    return {
        "uuid": event.stored.uuid,
        "revision": event.stored.revision,
        "retracted": event.stored.retracted,
        "kind": fact.kind,
        "subject": fact.subject,
        "vehicle_identifier": fact.vehicle_identifier,
        "device_id": event.device_id,
        "started_at": fact.started_at,
        "ended_at": fact.ended_at,
        "latitude": fact.latitude,
        "longitude": fact.longitude,
        "data": fact.data,
    }


class FactKeeper:
    """Lets go of facts that ended long ago, and of what they were made with.

    ``fix_age`` is how old a fix may be that still comes: it asks for the trips of then.
    """

    def __init__(self, database: Database, age: timedelta, fix_age: timedelta) -> None:
        self._database = database
        self._age = age
        self._trip_age = max(age, fix_age)

    async def run(self) -> None:
        """Look every hour. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.expire())

    async def expire(self) -> float:
        """Let go now; the seconds until the next time."""
        try:
            async with self._database.query() as connection:
                count = await repository.expire(connection, self._age)
                await geofences.expire(connection, self._age)
                await trips.expire(connection, self._age)
                await intervals.expire(connection, self._trip_age)
        except Exception as error:
            if not is_outage(error):
                raise
            return _RETRY_AFTER_S
        if count:
            log.info("facts_expired", count=count)
        return _EXPIRE_EVERY_S
