"""The newest position of every vehicle, to Odoo.

A position leaves the outbox only if it is still the one that was sent; sending one
twice is safe, because Odoo keeps the newest fix per vehicle.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from gps_ingestion_service.database import Connection
from gps_ingestion_service.push import repository
from gps_ingestion_service.push.client import Answer, Result
from gps_ingestion_service.push.loop import PushLoop
from gps_ingestion_service.push.repository import Waiting

_KMH_PER_MPS = 3.6
# A vehicle that was just created should be on the map soon, and a row per vehicle is
# cheap to send again.
_DEFER_FIRST_S = 5.0
_DEFER_LONGEST_S = 30.0
_GIVE_UP_AFTER = timedelta(days=1)

log = structlog.stdlib.get_logger(__name__)


class Pusher(PushLoop[Waiting]):
    """Pushes the outbox of positions."""

    lock_key = 0x6770735F707368
    path = "/tms/gps/v1/positions"

    @property
    def leader(self) -> Gauge:
        """1 while this replica pushes positions."""
        return self._metrics.push_leader

    @property
    def pushed(self) -> Counter:
        """Positions by result."""
        return self._metrics.pushed

    async def due(self, connection: Connection, limit: int) -> Sequence[Waiting]:
        """The positions that have waited longest."""
        return await repository.due(connection, limit)

    def encode(self, items: Sequence[Waiting]) -> bytes:
        """A batch as ``docs/interfaces.md`` describes it."""
        return msgspec.json.encode(
            {
                "batch_id": str(uuid.uuid4()),
                "positions": [_payload(position) for position in items],
            }
        )

    async def settle(
        self,
        connection: Connection,
        items: Sequence[Waiting],
        answers: Sequence[Answer],
    ) -> None:
        """Remove what Odoo has; keep for later what it may want yet."""
        pairs = [
            (item, answer.result) for item, answer in zip(items, answers, strict=True)
        ]
        now = datetime.now(UTC)
        for position, result in pairs:
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

    async def refuse(self, connection: Connection, item: Waiting, reason: str) -> None:
        """Keep it: the next fix of the vehicle takes its place."""
        await self._defer(connection, [item], reason)

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


def _payload(position: Waiting) -> dict[str, Any]:
    speed = position.speed
    return {
        "vehicle_identifier": position.vehicle_identifier,
        "device_id": position.device_id,
        "fix_time": position.fix_time,
        "latitude": position.latitude,
        "longitude": position.longitude,
        "speed_kmh": None if speed is None else round(speed * _KMH_PER_MPS, 3),
        "course": position.course,
        "accuracy_m": position.accuracy,
        "altitude_m": position.altitude,
        "received_at": position.received_at,
    }
