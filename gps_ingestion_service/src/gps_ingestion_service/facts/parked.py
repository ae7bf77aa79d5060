"""SQL of the devices whose facts cannot be evaluated: what is due of them waits here,
so that it stops nobody else's, and is tried again, later each time."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.evaluate import Due

_RETRY_FIRST_S = 60.0
_RETRY_LONGEST_S = 3600.0


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is set aside, from which fixes on, why, and until when."""

    device_id: str
    from_time: datetime
    to_time: datetime
    reason: str
    failures: int
    parked_at: datetime
    retry_at: datetime


async def park(connection: Executor, failed: Iterable[tuple[Due, str]]) -> None:
    """Set devices aside, with why; twice as long each time."""
    rows = sorted(failed, key=lambda item: item[0].device)
    await connection.execute(
        """
        INSERT INTO fact_parked AS known (device, from_time, to_time, reason, retry_at)
        SELECT *, now() + make_interval(secs => $5) FROM unnest(
            $1::integer[], $2::timestamptz[], $3::timestamptz[], $4::text[]
        )
        ON CONFLICT (device) DO UPDATE SET
            from_time = least(known.from_time, excluded.from_time),
            to_time = greatest(known.to_time, excluded.to_time),
            reason = excluded.reason, failures = known.failures + 1,
            retry_at = now() + make_interval(
                secs => least($5 * 2.0 ^ least(known.failures, 20), $6)
            )
        """,
        [due.device for due, _ in rows],
        [due.from_time for due, _ in rows],
        [due.to_time for due, _ in rows],
        [reason for _, reason in rows],
        _RETRY_FIRST_S,
        _RETRY_LONGEST_S,
    )


async def hold_back(connection: Executor, due: Sequence[Due]) -> list[Due]:
    """Add what is due of devices that are set aside to what waits of them. The others,
    and those that are tried again now, with all that waited of them."""
    records = await connection.fetch(
        """
        UPDATE fact_parked AS known
        SET from_time = least(known.from_time, due.from_time),
            to_time = greatest(known.to_time, due.to_time)
        FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[])
            AS due (device, from_time, to_time)
        WHERE known.device = due.device
        RETURNING known.device, known.from_time, known.to_time,
                  retry_at <= now() AS is_tried
        """,
        [item.device for item in due],
        [item.from_time for item in due],
        [item.to_time for item in due],
    )
    known = {record["device"]: record for record in records}
    tried = [
        Due(record["device"], record["from_time"], record["to_time"])
        for record in records
        if record["is_tried"]
    ]
    others = [item for item in due if item.device not in known]
    return sorted([*others, *tried], key=lambda item: item.device)


async def release(connection: Executor, devices: Sequence[int]) -> None:
    """They could be evaluated."""
    await connection.execute(
        "DELETE FROM fact_parked WHERE device = ANY($1::integer[])", devices
    )


async def note_again(connection: Executor) -> None:
    """Leave notes of those that are to be tried again now."""
    await connection.execute("""
        INSERT INTO fact_due (device, from_time, to_time)
        SELECT device, from_time, to_time FROM fact_parked AS parked
        WHERE retry_at <= now()
          AND NOT EXISTS (SELECT FROM fact_due WHERE device = parked.device)
        """)


async def page(connection: Executor, after: str, limit: int) -> list[Parked]:
    """At most ``limit`` of those whose device id comes after ``after``."""
    records = await connection.fetch(
        """
        SELECT device_id, from_time, to_time, reason, failures, parked_at, retry_at
        FROM fact_parked JOIN device ON device.id = fact_parked.device
        WHERE device_id > $1
        ORDER BY device_id
        LIMIT $2
        """,
        after,
        limit,
    )
    return [Parked(**dict(record)) for record in records]


async def retry(connection: Executor, device_id: str) -> bool:
    """Try the device again now; False where it is not set aside."""
    status: str = await connection.execute(
        """
        UPDATE fact_parked SET retry_at = now() FROM device
        WHERE device.id = fact_parked.device AND device_id = $1
        """,
        device_id,
    )
    return status != "UPDATE 0"


async def count(connection: Executor) -> tuple[int, int]:
    """How many devices are set aside, and how many ended trips."""
    record = await connection.fetchrow("""
        SELECT (SELECT count(*) FROM fact_parked) AS devices,
               (SELECT count(DISTINCT trip) FROM trip_due WHERE failures > 0) AS trips
        """)
    return (record["devices"], record["trips"]) if record else (0, 0)
