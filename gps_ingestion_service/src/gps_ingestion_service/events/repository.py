"""SQL of the events. A fact is its own outbox row: Odoo lacks it while the revision
that was delivered is below its own, unless it is a dead letter."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.facts.repository import stored

_WAITING = "delivered_revision < revision AND dead_reason IS NULL"


class Delivery(StrEnum):
    """How far an event has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


_CONDITIONS = {
    Delivery.WAITING: _WAITING,
    Delivery.DELIVERED: "delivered_revision >= revision AND dead_reason IS NULL",
    Delivery.DEAD: "dead_reason IS NOT NULL",
}

_EVENTS = "SELECT fact.*, device_id FROM fact JOIN device ON device.id = fact.device"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with where its delivery stands; ``id`` orders them as they were found."""

    id: int
    device_id: str
    stored: Stored
    changed_at: datetime
    delivered_revision: int
    refusals: int
    dead_reason: str | None

    @property
    def delivery(self) -> Delivery:
        """How far it has come."""
        if self.dead_reason is not None:
            return Delivery.DEAD
        if self.delivered_revision < self.stored.revision:
            return Delivery.WAITING
        return Delivery.DELIVERED


def _event(record: asyncpg.Record) -> Event:
    return Event(
        id=record["id"],
        device_id=record["device_id"],
        stored=stored(record),
        changed_at=record["changed_at"],
        delivered_revision=record["delivered_revision"],
        refusals=record["refusals"],
        dead_reason=record["dead_reason"],
    )


async def due(connection: Executor, limit: int) -> list[Event]:
    """The events that have waited longest and may be sent now."""
    records = await connection.fetch(
        f"""
        {_EVENTS}
        WHERE {_WAITING} AND (not_before IS NULL OR not_before <= now())
        ORDER BY changed_at, fact.id
        LIMIT $1
        """,
        limit,
    )
    return [_event(record) for record in records]


# Locked in the order in which evaluation locks them.
_SENT = """
WITH sent AS MATERIALIZED (
    SELECT uuid, sent.revision, reason
    FROM fact JOIN unnest($1::uuid[], $2::integer[], $3::text[])
        AS sent (uuid, revision, reason) USING (uuid)
    ORDER BY uuid
    FOR UPDATE OF fact
)
"""
_DELIVER = """
UPDATE fact
SET delivered_revision = greatest(delivered_revision, sent.revision),
    refusals = 0, not_before = NULL
FROM sent WHERE fact.uuid = sent.uuid
"""
_DEFER = """
UPDATE fact
SET refusals = refusals + 1,
    not_before = now() + make_interval(
        secs => least($4 * 2.0 ^ least(refusals, 20), $5)
    )
FROM sent WHERE fact.uuid = sent.uuid AND fact.revision = sent.revision
"""
_BURY = """
UPDATE fact SET dead_reason = sent.reason, refusals = refusals + 1
FROM sent WHERE fact.uuid = sent.uuid AND fact.revision = sent.revision
"""


async def deliver(connection: Executor, events: Sequence[Event]) -> None:
    """Note the revisions that Odoo has; a later one that came meanwhile still waits."""
    await _update(connection, _DELIVER, events)


async def defer(
    connection: Executor, events: Sequence[Event], first_s: float, longest_s: float
) -> None:
    """Try again later, twice as late each time."""
    await _update(connection, _DEFER, events, None, first_s, longest_s)


async def bury(
    connection: Executor, events: Sequence[Event], reasons: Sequence[str]
) -> None:
    """Make them dead letters, unless the fact has changed since it was sent."""
    await _update(connection, _BURY, events, reasons)


async def _update(
    connection: Executor,
    update: str,
    events: Sequence[Event],
    reasons: Sequence[str] | None = None,
    *arguments: float,
) -> None:
    if events:
        await connection.execute(
            _SENT + update,
            [event.stored.uuid for event in events],
            [event.stored.revision for event in events],
            reasons or [None] * len(events),
            *arguments,
        )


async def page(
    connection: Executor,
    delivery: Delivery | None,
    vehicle_identifier: str | None,
    after: int,
    limit: int,
) -> list[Event]:
    """At most ``limit`` events found after the one of that id."""
    condition = "true" if delivery is None else _CONDITIONS[delivery]
    records = await connection.fetch(
        f"""
        {_EVENTS}
        WHERE {condition} AND fact.id > $1
          AND ($2::text IS NULL OR fact.vehicle_identifier = $2)
        ORDER BY fact.id
        LIMIT $3
        """,
        after,
        vehicle_identifier,
        limit,
    )
    return [_event(record) for record in records]


async def find(connection: Executor, uuid: UUID) -> Event | None:
    """The event of that uuid."""
    record = await connection.fetchrow(f"{_EVENTS} WHERE uuid = $1", uuid)
    return None if record is None else _event(record)


async def resend(connection: Executor, uuid: UUID | None) -> int:
    """Let one event, or without a ``uuid`` every dead letter, wait for Odoo again; how
    many do."""
    status: str = await connection.execute(
        """
        UPDATE fact
        SET dead_reason = NULL, refusals = 0, not_before = NULL, changed_at = now(),
            delivered_revision = 0
        WHERE id IN (
            SELECT id FROM fact
            WHERE uuid = $1 OR ($1 IS NULL AND dead_reason IS NOT NULL)
            ORDER BY uuid
            FOR UPDATE
        )
        """,
        uuid,
    )
    return int(status.split()[-1])


async def expire(connection: Executor, age: timedelta) -> int:
    """Let go of facts that ended, or were retracted, longer ago than ``age``; how
    many."""
    status: str = await connection.execute(
        """
        DELETE FROM fact
        WHERE settled_at < now() - $1::interval
           OR (retracted AND changed_at < now() - $1::interval)
        """,
        age,
    )
    return int(status.split()[-1])


class Backlog(msgspec.Struct, frozen=True):
    """How many events Odoo lacks, and for how many seconds the first due one."""

    due: int
    deferred: int
    dead: int
    oldest_s: float


async def backlog(connection: Executor) -> Backlog:
    """What Odoo lacks."""
    # Each part reads nothing but the index of what it counts.
    record = await connection.fetchrow(f"""
        SELECT due, deferred, dead, oldest_s
        FROM (
            SELECT count(*) FILTER (WHERE not_before IS NULL) AS due,
                   count(*) FILTER (WHERE not_before IS NOT NULL) AS deferred,
                   coalesce(extract(epoch FROM now() - min(changed_at)
                       FILTER (WHERE not_before IS NULL)), 0
                   )::double precision AS oldest_s
            FROM fact WHERE {_WAITING}
        ) AS waiting,
        (SELECT count(*) AS dead FROM fact WHERE dead_reason IS NOT NULL) AS buried
        """)
    return Backlog(**dict(record or {}))
