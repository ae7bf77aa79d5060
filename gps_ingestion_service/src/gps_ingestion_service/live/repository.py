"""SQL of the live feed.

It goes by transactions, because no clock tells when a commit becomes visible. A horizon
is the oldest transaction that had not ended when somebody looked: whatever was not
visible then was written by it or by a later one.
"""

import msgspec

from gps_ingestion_service.database import Executor
from gps_ingestion_service.positions.repository import StoredPosition, position

_MOVED = """
SELECT device.device_id, device.vehicle_identifier AS mounted_in, last_position.*
FROM last_position JOIN device ON device.id = last_position.device
WHERE $1::xid8 IS NULL OR last_position.moved_in >= $1
ORDER BY last_position.moved_in, device.device_id
"""


class Moved(msgspec.Struct, frozen=True):
    """Positions, and the horizon from before they were read."""

    positions: list[StoredPosition]
    horizon: int


async def moved(connection: Executor, since: int | None) -> Moved:
    """The newest position of each device that moved at that horizon or later; None: of
    every device, and so for a horizon that this database has not reached: its data came
    from elsewhere since."""
    horizon: int = await connection.fetchval(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())"
    )
    if since is not None and since > horizon:
        since = None
    records = await connection.fetch(_MOVED, since)
    return Moved(
        [
            position(record, record["device_id"], record["mounted_in"])
            for record in records
        ],
        horizon,
    )
