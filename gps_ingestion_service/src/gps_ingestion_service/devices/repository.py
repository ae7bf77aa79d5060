"""SQL of the devices."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from gps_ingestion_service.database import Executor

CHANNEL = "gps_device"

_COLUMNS = (
    "id, device_id, vehicle_identifier, enabled, version, token_hash, "
    "utc_offset_minutes, signing_salt, only_on_trip"
)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device as the service knows it; ``id`` is its short key in the tables."""

    id: int
    device_id: str
    vehicle_identifier: str
    enabled: bool
    version: int
    token_hash: bytes | None = None
    utc_offset_minutes: int | None = None
    signing_salt: bytes | None = None
    only_on_trip: bool = False

    @property
    def utc_offset(self) -> timedelta | None:
        """The zone of its clock as an operator set it."""
        minutes = self.utc_offset_minutes
        return None if minutes is None else timedelta(minutes=minutes)


class DeviceRow(msgspec.Struct, frozen=True):
    """A device with the time of its newest fix."""

    device: Device
    last_fix_time: datetime | None


def _device(record: asyncpg.Record) -> Device:
    return Device(
        id=record["id"],
        device_id=record["device_id"],
        vehicle_identifier=record["vehicle_identifier"],
        enabled=record["enabled"],
        version=record["version"],
        token_hash=record["token_hash"],
        utc_offset_minutes=record["utc_offset_minutes"],
        signing_salt=record["signing_salt"],
        only_on_trip=record["only_on_trip"],
    )


async def load_all(connection: Executor) -> list[Device]:
    """Every device."""
    records = await connection.fetch(f"SELECT {_COLUMNS} FROM device")
    return [_device(record) for record in records]


async def find(connection: Executor, device_ids: Sequence[str]) -> list[Device]:
    """The devices of these ids that exist."""
    records = await connection.fetch(
        f"SELECT {_COLUMNS} FROM device " "WHERE device_id = ANY($1::text[])",
        list(device_ids),
    )
    return [_device(record) for record in records]


async def find_by_token(connection: Executor, token_hash: bytes) -> list[Device]:
    """The device whose token has this hash, if there is one."""
    records = await connection.fetch(
        f"SELECT {_COLUMNS} FROM device " "WHERE token_hash = $1", token_hash
    )
    return [_device(record) for record in records]


async def find_by_vehicle(
    connection: Executor, vehicle_identifiers: Sequence[str]
) -> list[Device]:
    """The devices of these vehicles."""
    records = await connection.fetch(
        f"SELECT {_COLUMNS} FROM device " "WHERE vehicle_identifier = ANY($1::text[])",
        list(vehicle_identifiers),
    )
    return [_device(record) for record in records]


async def page(connection: Executor, after: str, limit: int) -> list[DeviceRow]:
    """At most ``limit`` devices whose id comes after ``after``."""
    records = await connection.fetch(
        """
        SELECT d.id, d.device_id, d.vehicle_identifier, d.enabled, d.version,
               d.token_hash, d.utc_offset_minutes, d.signing_salt, d.only_on_trip,
               p.fix_time
        FROM device d LEFT JOIN last_position p ON p.device = d.id
        WHERE d.device_id > $1
        ORDER BY d.device_id
        LIMIT $2
        """,
        after,
        limit,
    )
    return [DeviceRow(_device(record), record["fix_time"]) for record in records]


async def insert(
    connection: Executor,
    device_id: str,
    vehicle_identifier: str,
    enabled: bool,
    only_on_trip: bool,
    version: int,
) -> bool:
    """Create a device; False where it exists."""
    record = await connection.fetchrow(
        """
        INSERT INTO device (
            device_id, vehicle_identifier, enabled, only_on_trip, version
        )
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (device_id) DO NOTHING
        RETURNING id
        """,
        device_id,
        vehicle_identifier,
        enabled,
        only_on_trip,
        version,
    )
    return record is not None


async def lock(connection: Executor, device_id: str) -> Device | None:
    """The device, locked until the transaction ends."""
    record = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM device WHERE device_id = $1 FOR UPDATE",
        device_id,
    )
    return None if record is None else _device(record)


async def update(
    connection: Executor,
    device_id: str,
    vehicle_identifier: str,
    enabled: bool,
    only_on_trip: bool,
    version: int,
) -> None:
    """Change a device that :func:`lock` holds."""
    await connection.execute(
        """
        UPDATE device
        SET vehicle_identifier = $2, enabled = $3, only_on_trip = $4, version = $5,
            updated_at = now()
        WHERE device_id = $1
        """,
        device_id,
        vehicle_identifier,
        enabled,
        only_on_trip,
        version,
    )


async def set_token(connection: Executor, device_id: str, token_hash: bytes) -> bool:
    """Replace the token of a device; False where there is no such device."""
    record = await connection.fetchrow(
        """
        UPDATE device SET token_hash = $2, updated_at = now()
        WHERE device_id = $1
        RETURNING id
        """,
        device_id,
        token_hash,
    )
    return record is not None


async def set_signing_salt(connection: Executor, device_id: str, salt: bytes) -> bool:
    """Replace the signing secret of a device; False where there is no such device."""
    record = await connection.fetchrow(
        """
        UPDATE device SET signing_salt = $2, updated_at = now()
        WHERE device_id = $1
        RETURNING id
        """,
        device_id,
        salt,
    )
    return record is not None


async def set_clock(
    connection: Executor, device_id: str, utc_offset_minutes: int | None
) -> bool:
    """Set the zone of a device's clock; False where there is no such device."""
    record = await connection.fetchrow(
        """
        UPDATE device SET utc_offset_minutes = $2, updated_at = now()
        WHERE device_id = $1
        RETURNING id
        """,
        device_id,
        utc_offset_minutes,
    )
    return record is not None


async def take_due(connection: Executor, device_id: str) -> None:
    """Take all that is due of the device's facts so far: a pass that is at it is waited
    for, and none begins with these.

    To be called before anything is locked that such a pass may come to wait for.
    """
    await connection.execute(
        """
        DELETE FROM fact_due USING device
        WHERE device.id = fact_due.device AND device_id = $1
        """,
        device_id,
    )


async def delete(connection: Executor, device: Device) -> int:
    """Delete a device that :func:`take_due` and :func:`lock` hold with all that was
    stored of it but its messages in quarantine; the number of fixes."""
    for statement in (
        # A pass may have what came since, and wait for the device: what is due of one
        # that is gone, it drops.
        """
        DELETE FROM fact_due WHERE id IN (
            SELECT id FROM fact_due WHERE device = $1 FOR UPDATE SKIP LOCKED
        )
        """,
        "DELETE FROM fact_state WHERE device = $1",
        "DELETE FROM fact_checkpoint WHERE device = $1",
        "DELETE FROM fact_parked WHERE device = $1",
        "DELETE FROM fact WHERE device = $1",
        "DELETE FROM last_position WHERE device = $1",
    ):
        await connection.execute(statement, device.id)
    await connection.execute(
        "DELETE FROM outbox WHERE device_id = $1", device.device_id
    )
    count = 0
    while (oldest := await _oldest_fix(connection, device.id)) is not None:
        # By the day: of years at once, the statement would run into its time limit.
        count += int(
            await connection.fetchval(
                """
                WITH gone AS (
                    DELETE FROM fix WHERE device = $1 AND fix_time < $2 RETURNING 1
                )
                SELECT count(*) FROM gone
                """,
                device.id,
                oldest + timedelta(days=1),
            )
        )
    await connection.execute("DELETE FROM device WHERE id = $1", device.id)
    return count


async def _oldest_fix(connection: Executor, device: int) -> datetime | None:
    value: datetime | None = await connection.fetchval(
        "SELECT min(fix_time) FROM fix WHERE device = $1", device
    )
    return value


async def announce(connection: Executor, device_id: str) -> None:
    """Tell every replica, at commit, that this device changed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, device_id)


async def last_fix_time(connection: Executor, device: int) -> datetime | None:
    """Time of the device's newest fix."""
    value: datetime | None = await connection.fetchval(
        "SELECT fix_time FROM last_position WHERE device = $1", device
    )
    return value
