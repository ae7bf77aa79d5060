"""SQL of the facts: one statement a pass for all of its devices, never one a fix."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.evaluate import Due, Evaluation, Known, Turn, Window
from gps_ingestion_service.facts.model import Fact, Kind, Sample
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.fix import Flag

_IGNITION = {"true": True, "1": True, "false": False, "0": False}


async def claim(connection: Executor, notes: int, fixes: int) -> list[Due]:
    """Take what is due, oldest first: at most so many notes, and no more once they
    stand for so many fixes.

    Other replicas pass over it until the transaction ends.
    """
    records = await connection.fetch(
        """
        WITH taken AS (
            DELETE FROM fact_due WHERE id IN (
                SELECT id FROM (
                    SELECT id, sum(fixes) OVER (ORDER BY id) - fixes AS before FROM (
                        SELECT id, fixes FROM fact_due
                        ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
                    ) AS due
                ) AS counted
                WHERE before < $2
            )
            RETURNING device, from_time, to_time
        )
        SELECT device, min(from_time) AS from_time, max(to_time) AS to_time
        FROM taken GROUP BY device ORDER BY device
        """,
        notes,
        fixes,
    )
    return [Due(**dict(record)) for record in records]


async def claim_of(connection: Executor, device: int) -> list[Due]:
    """Take all that is due of one device."""
    records = await connection.fetch(
        """
        WITH taken AS (
            DELETE FROM fact_due WHERE device = $1 RETURNING from_time, to_time
        )
        SELECT $1 AS device, min(from_time) AS from_time, max(to_time) AS to_time
        FROM taken HAVING count(*) > 0
        """,
        device,
    )
    return [Due(**dict(record)) for record in records]


async def note(connection: Executor, due: Iterable[Due], fixes: int) -> None:
    """Leave notes of what is due, each to count as so many fixes."""
    rows = [(item.device, item.from_time, item.to_time, fixes) for item in due]
    await connection.execute(
        """
        INSERT INTO fact_due (device, from_time, to_time, fixes)
        SELECT * FROM unnest(
            $1::integer[], $2::timestamptz[], $3::timestamptz[], $4::integer[]
        )
        """,
        *_columns(rows, 4),
    )


async def lock(connection: Executor, devices: Sequence[int]) -> list[Known]:
    """What is known of those of the devices that exist, locked until the transaction
    ends: one may have been deleted since its fixes came."""
    await connection.execute(
        """
        INSERT INTO fact_state (device)
        SELECT new.device FROM unnest($1::integer[]) AS new (device)
        JOIN device ON device.id = new.device
        ORDER BY new.device
        ON CONFLICT DO NOTHING
        """,
        devices,
    )
    records = await connection.fetch(
        """
        SELECT device, seen_until, state, silent FROM fact_state
        WHERE device = ANY($1::integer[])
        ORDER BY device
        FOR UPDATE
        """,
        devices,
    )
    return [Known(**dict(record)) for record in records]


async def lock_silent(connection: Executor, since: datetime, limit: int) -> list[Known]:
    """Enabled devices whose newest fix, and whose last sign of life, is older."""
    records = await connection.fetch(
        """
        SELECT state.device, seen_until, state, silent
        FROM fact_state AS state JOIN device ON device.id = state.device
        WHERE NOT silent AND seen_until < $1 AND evaluated_at < $1 AND enabled
          -- Of a device that is stored on trips only, nothing is expected in between.
          AND (NOT only_on_trip OR EXISTS (
              SELECT FROM trip_interval AS trip
              WHERE trip.vehicle_identifier = device.vehicle_identifier
                AND ended_at IS NULL AND started_at < $1
          ))
        ORDER BY state.device
        LIMIT $2
        FOR UPDATE OF state SKIP LOCKED
        """,
        since,
        limit,
    )
    return [Known(**dict(record)) for record in records]


async def checkpoints(
    connection: Executor, devices: Sequence[int]
) -> dict[int, list[tuple[datetime, str]]]:
    """The stored states of the devices before the hours that had fixes, in order."""
    records = await connection.fetch(
        """
        SELECT device, hour, state FROM fact_checkpoint
        WHERE device = ANY($1::integer[])
        ORDER BY device, hour
        """,
        devices,
    )
    return {
        device: [(record["hour"], record["state"]) for record in group]
        for device, group in groupby(records, lambda record: record["device"])
    }


class Fixes(msgspec.Struct, frozen=True):
    """Fixes in order of time, and the times of those that are stored as jumps."""

    samples: list[Sample]
    jumps: list[datetime]


async def fixes(
    connection: Executor, turns: Sequence[Turn], limit: int
) -> dict[int, Fixes]:
    """The next fixes of the turns by device, ``limit`` of each at most, but for those
    that say themselves that they are nowhere, hardly anywhere, or made up."""
    records = await connection.fetch(
        """
        SELECT part.*, coalesce(part.vehicle_identifier, device.vehicle_identifier)
            AS vehicle
        FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[])
            AS due (device, begins, ends)
        JOIN device ON device.id = due.device
        CROSS JOIN LATERAL (
            SELECT fix.device, fix_time, latitude, longitude, speed, accuracy, flags,
                   attributes->>'ignition' AS ignition, fix.vehicle_identifier
            FROM fix
            WHERE fix.device = due.device AND fix_time BETWEEN begins AND ends
              AND fix_time BETWEEN $4 AND $5
              AND NOT (latitude = 0 AND longitude = 0)
              AND (accuracy IS NULL OR accuracy <= 200)
              AND flags & $6 = 0
            ORDER BY fix_time
            LIMIT $7
        ) AS part
        ORDER BY part.device, fix_time
        """,
        [turn.window.known.device for turn in turns],
        [turn.begin for turn in turns],
        [turn.window.end for turn in turns],
        # The planner leaves out the days beyond.
        min(turn.begin for turn in turns),
        max(turn.window.end for turn in turns),
        int(Flag.MOCK_LOCATION | Flag.NO_LOCK),
        limit,
    )
    return {
        device: _fixes(list(group))
        for device, group in groupby(records, lambda record: record["device"])
    }


def _fixes(records: Sequence[asyncpg.Record]) -> Fixes:
    return Fixes(
        [_sample(record) for record in records],
        [
            record["fix_time"]
            for record in records
            if record["flags"] & Flag.IMPOSSIBLE_JUMP
        ],
    )


_TURN_JUMPS = """
WITH locked AS MATERIALIZED (
    SELECT device, fix_time
    FROM unnest($1::integer[], $2::timestamptz[]) AS key (device, fix_time)
    JOIN {table} USING (device, fix_time)
    WHERE fix_time BETWEEN $3 AND $4
    ORDER BY device, fix_time
    FOR UPDATE OF {table}
)
UPDATE {table} SET flags = {table}.flags # $5 FROM locked
WHERE {table}.device = locked.device
  AND {table}.fix_time = locked.fix_time
  AND {table}.fix_time BETWEEN $3 AND $4
"""


async def turn_jumps(
    connection: Executor, changes: Iterable[tuple[int, datetime]]
) -> None:
    """Flag these fixes of devices as impossible jumps, or not any more where they are.

    Commits wait for a row of ``last_position`` that this has locked, so call it last.
    """
    keys = sorted(changes)
    if not keys:
        return
    for table in ("fix", "last_position"):
        await connection.execute(
            _TURN_JUMPS.format(table=table),
            *_columns(keys, 2),
            min(time for _, time in keys),
            max(time for _, time in keys),
            int(Flag.IMPOSSIBLE_JUMP),
        )


def _sample(record: asyncpg.Record) -> Sample:
    return Sample(
        time=record["fix_time"],
        latitude=record["latitude"],
        longitude=record["longitude"],
        speed=record["speed"],
        ignition=_IGNITION.get(record["ignition"]),
        accuracy=record["accuracy"],
        vehicle_identifier=record["vehicle"],
    )


async def unsettled(
    connection: Executor, windows: Sequence[Window]
) -> dict[int, list[Stored]]:
    """The facts of the devices that the windows may change."""
    records = await connection.fetch(
        """
        SELECT fact.* FROM unnest($1::integer[], $2::timestamptz[])
            AS due (device, begins)
        JOIN fact ON fact.device = due.device
            AND coalesce(settled_at, timestamptz 'infinity') >= begins
        WHERE NOT retracted AND kind <> $3
        ORDER BY fact.device
        """,
        [window.known.device for window in windows],
        [window.begin for window in windows],
        # Told by itself, see trips.fact.
        Kind.TRIP,
    )
    return {
        device: [stored(record) for record in group]
        for device, group in groupby(records, lambda record: record["device"])
    }


def stored(record: asyncpg.Record) -> Stored:
    """A row of ``fact``."""
    return Stored(
        uuid=record["uuid"],
        revision=record["revision"],
        retracted=record["retracted"],
        fact=Fact(
            kind=Kind(record["kind"]),
            subject=record["subject"],
            vehicle_identifier=record["vehicle_identifier"],
            started_at=record["started_at"],
            ended_at=record["ended_at"],
            settled_at=record["settled_at"],
            latitude=record["latitude"],
            longitude=record["longitude"],
            data=msgspec.json.decode(record["data"]),
        ),
    )


async def save_states(connection: Executor, evaluations: Iterable[Evaluation]) -> None:
    """Go on from here next time."""
    rows = [
        (
            item.window.known.device,
            item.seen_until,
            item.state,
            item.silent,
        )
        for item in evaluations
    ]
    await connection.execute(
        """
        UPDATE fact_state AS known
        SET seen_until = new.seen_until, state = new.state, silent = new.silent,
            evaluated_at = now()
        FROM unnest($1::integer[], $2::timestamptz[], $3::text[], $4::boolean[])
            AS new (device, seen_until, state, silent)
        WHERE known.device = new.device
        """,
        *_columns(rows, 4),
    )


async def save_checkpoints(
    connection: Executor, evaluations: Iterable[Evaluation], latest_age: timedelta
) -> None:
    """Replace those of the hours that were folded; let go of those too old to use."""
    changed = [item for item in evaluations if item.checkpoints]
    if not changed:
        return
    await connection.execute(
        """
        DELETE FROM fact_checkpoint AS old
        USING unnest($1::integer[], $2::timestamptz[], $3::timestamptz[])
            AS new (device, begins, ends)
        WHERE old.device = new.device AND hour >= begins
          AND (ends IS NULL OR hour < ends)
        """,
        *_columns(
            [
                (item.window.known.device, item.window.begin, item.stopped_at)
                for item in changed
            ],
            3,
        ),
    )
    rows = [
        (item.window.known.device, hour, text)
        for item in changed
        for hour, text in item.checkpoints.items()
    ]
    await connection.execute(
        """
        INSERT INTO fact_checkpoint (device, hour, state)
        SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::text[])
        ON CONFLICT (device, hour) DO UPDATE SET state = excluded.state
        """,
        *_columns(rows, 3),
    )
    # The newest of those too old is what the oldest late fix starts from.
    await connection.execute(
        """
        DELETE FROM fact_checkpoint AS old
        USING unnest($1::integer[], $2::timestamptz[]) AS new (device, seen_until)
        WHERE old.device = new.device AND hour < (
            SELECT max(hour) FROM fact_checkpoint AS kept
            WHERE kept.device = new.device AND hour <= new.seen_until - $3::interval
        )
        """,
        *_columns([(item.window.known.device, item.seen_until) for item in changed], 2),
        latest_age,
    )


async def save_silent(connection: Executor, devices: Sequence[int]) -> None:
    """Note that the silence of the devices is a fact now."""
    await connection.execute(
        "UPDATE fact_state SET silent = true WHERE device = ANY($1::integer[])",
        devices,
    )


async def save_facts(
    connection: Executor, changes: Iterable[tuple[int, Stored]]
) -> None:
    """Store new and changed facts; each waits for its delivery from now on.

    Rows are written in the order in which deliveries lock them.
    """
    rows = [
        (
            item.uuid,
            item.revision,
            device,
            item.fact.vehicle_identifier,
            str(item.fact.kind),
            item.fact.subject,
            item.fact.started_at,
            item.fact.ended_at,
            item.fact.settled_at,
            item.fact.latitude,
            item.fact.longitude,
            msgspec.json.encode(item.fact.data).decode(),
            item.retracted,
        )
        for device, item in sorted(changes, key=lambda change: change[1].uuid)
    ]
    if not rows:
        return
    await connection.execute(
        """
        INSERT INTO fact AS known (
            uuid, revision, device, vehicle_identifier, kind, subject, started_at,
            ended_at, settled_at, latitude, longitude, data, retracted
        )
        SELECT * FROM unnest(
            $1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[],
            $6::text[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[],
            $10::double precision[], $11::double precision[], $12::text[],
            $13::boolean[]
        )
        ON CONFLICT (uuid) DO UPDATE SET
            revision = excluded.revision, started_at = excluded.started_at,
            vehicle_identifier = excluded.vehicle_identifier,
            ended_at = excluded.ended_at, settled_at = excluded.settled_at,
            latitude = excluded.latitude, longitude = excluded.longitude,
            data = excluded.data, retracted = excluded.retracted, changed_at = now(),
            refusals = 0, not_before = NULL, dead_reason = NULL
        """,
        *_columns(rows, 13),
    )


async def waiting(connection: Executor) -> tuple[int, float]:
    """How many notes wait, and for how many seconds the oldest."""
    record = await connection.fetchrow("""
        SELECT count(*) AS notes, coalesce(
            extract(epoch FROM now() - min(since)), 0
        )::double precision AS oldest_s
        FROM fact_due
        """)
    return (record["notes"], record["oldest_s"]) if record else (0, 0.0)


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[index] for row in rows] for index in range(count)]
