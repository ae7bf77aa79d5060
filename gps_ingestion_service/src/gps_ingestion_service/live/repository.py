"""SQL of the live feed."""

from datetime import datetime

import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.positions.repository import StoredPosition, position

_MOVED = """
SELECT device.device_id, device.vehicle_identifier AS mounted_in, last_position.*
FROM last_position JOIN device ON device.id = last_position.device
WHERE $1::timestamptz IS NULL OR last_position.received_at >= $1
ORDER BY last_position.received_at, device.device_id
"""


class Moved(msgspec.Struct, frozen=True):
    """Positions that came since a time, and the database's clock before it was read."""

    positions: list[StoredPosition]
    now: datetime


async def moved(connection: Executor, since: datetime | None) -> Moved:
    """The newest position of each device that was received at ``since`` or later;
    None: of every device."""
    now = await clock(connection)
    records = await connection.fetch(_MOVED, since)
    return Moved(
        [
            position(record, record["device_id"], record["mounted_in"])
            for record in records
        ],
        now,
    )


async def clock(connection: Executor) -> datetime:
    """The database's clock."""
    now: datetime = await connection.fetchval("SELECT now()")
    return now
