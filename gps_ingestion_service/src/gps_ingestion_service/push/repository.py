"""SQL of the outbox: one row per vehicle, the newest position that Odoo lacks."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gps_ingestion_service.database import Executor


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A position that waits for Odoo; ``version`` tells it from its successor."""

    vehicle_identifier: str
    version: int
    device_id: str
    fix_time: datetime
    received_at: datetime
    latitude: float
    longitude: float
    speed: float | None
    course: float | None
    altitude: float | None
    accuracy: float | None


async def due(connection: Executor, limit: int) -> list[Waiting]:
    """The positions that have waited longest and may be sent now."""
    records = await connection.fetch(
        """
        SELECT vehicle_identifier, version, device_id, fix_time, received_at,
               latitude, longitude, speed, course, altitude, accuracy
        FROM outbox
        WHERE not_before IS NULL OR not_before <= now()
        ORDER BY waiting_since
        LIMIT $1
        """,
        limit,
    )
    return [Waiting(**dict(record)) for record in records]


async def settle(connection: Executor, positions: Sequence[Waiting]) -> None:
    """Remove what Odoo has, unless a newer position took its place meanwhile.

    That newer one starts waiting now: its predecessor did arrive. Rows are locked in
    the order in which commits lock them.
    """
    await connection.execute(
        """
        WITH locked AS MATERIALIZED (
            SELECT outbox.vehicle_identifier, outbox.version <> sent.version AS newer
            FROM outbox JOIN unnest($1::text[], $2::bigint[])
                AS sent (vehicle_identifier, version) USING (vehicle_identifier)
            ORDER BY outbox.vehicle_identifier
            FOR UPDATE OF outbox
        ), removed AS (
            DELETE FROM outbox USING locked
            WHERE outbox.vehicle_identifier = locked.vehicle_identifier
              AND NOT locked.newer
        )
        UPDATE outbox
        SET waiting_since = now(), refusals = 0, not_before = NULL
        FROM locked
        WHERE outbox.vehicle_identifier = locked.vehicle_identifier
          AND locked.newer
        """,
        [position.vehicle_identifier for position in positions],
        [position.version for position in positions],
    )


async def defer(
    connection: Executor, positions: Sequence[Waiting], first_s: float, longest_s: float
) -> None:
    """Keep refused positions and try again later, twice as late each time."""
    await connection.execute(
        """
        UPDATE outbox
        SET refusals = refusals + 1,
            not_before = now() + make_interval(
                secs => least($2 * 2.0 ^ least(refusals, 20), $3)
            )
        WHERE vehicle_identifier IN (
            SELECT vehicle_identifier FROM outbox
            WHERE vehicle_identifier = ANY($1::text[])
            ORDER BY vehicle_identifier
            FOR UPDATE
        )
        """,
        [position.vehicle_identifier for position in positions],
        first_s,
        longest_s,
    )
