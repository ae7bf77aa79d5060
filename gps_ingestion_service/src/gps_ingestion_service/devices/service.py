"""Provisioning: idempotent, versioned, and known to every replica at once."""

from datetime import datetime

import structlog

from gps_ingestion_service import auth
from gps_ingestion_service.database import Database
from gps_ingestion_service.devices import repository, signing
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.devices.repository import Device, DeviceRow
from gps_ingestion_service.devices.schemas import DeviceSpec
from gps_ingestion_service.devices.signing import SigningKeys
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.versions import is_news

log = structlog.stdlib.get_logger(__name__)


def unknown_device(device_id: str) -> ServiceError:
    """404 for an id that no device has."""
    return ServiceError(404, "unknown_device", f"there is no device {device_id}")


class Provisioning:
    """Creates and changes devices and issues their tokens and signing secrets."""

    def __init__(
        self, database: Database, registry: DeviceRegistry, keys: SigningKeys
    ) -> None:
        self._database = database
        self._registry = registry
        self._keys = keys

    async def put(self, device_id: str, spec: DeviceSpec) -> tuple[DeviceRow, bool]:
        """Make the device be ``spec``; True with it where it is new.

        Raises:
            ServiceError: 409 ``stale_version`` below the stored version, 409
                ``version_conflict`` for other content under the same version.
        """
        async with self._database.query() as connection:
            async with connection.transaction():
                created = await repository.insert(
                    connection,
                    device_id,
                    spec.vehicle_identifier,
                    spec.enabled,
                    spec.only_on_trip,
                    spec.version,
                )
                if not created:
                    device = await repository.lock(connection, device_id)
                    if device is not None and is_news(
                        device.version,
                        spec.version,
                        same=_is(device, spec),
                    ):
                        await repository.update(
                            connection,
                            device_id,
                            spec.vehicle_identifier,
                            spec.enabled,
                            spec.only_on_trip,
                            spec.version,
                        )
                await repository.announce(connection, device_id)
        await self._registry.reload([device_id])
        return await self._row(device_id), created

    async def issue_token(self, device_id: str) -> str:
        """A new token for the device; the one before it is void at once."""
        token = auth.new_token()
        async with self._database.query() as connection:
            async with connection.transaction():
                found = await repository.set_token(
                    connection, device_id, auth.digest(token)
                )
                await repository.announce(connection, device_id)
        if not found:
            raise unknown_device(device_id)
        await self._registry.reload([device_id])
        return token

    async def issue_signing_secret(self, device_id: str) -> str:
        """A new signing secret for the device; the one before it is void at once.

        Raises:
            ServiceError: 409 where this service has no key to derive it from.
        """
        if not self._keys.is_set:
            raise ServiceError(
                409, "signing_not_configured", "set GPS_SIGNING_KEY, then try again"
            )
        salt = signing.new_salt()
        async with self._database.query() as connection:
            async with connection.transaction():
                found = await repository.set_signing_salt(connection, device_id, salt)
                await repository.announce(connection, device_id)
        if not found:
            raise unknown_device(device_id)
        await self._registry.reload([device_id])
        return self._keys.secret(device_id, salt)

    async def set_clock(
        self, device_id: str, utc_offset_minutes: int | None
    ) -> DeviceRow:
        """Set the zone of the device's clock."""
        async with self._database.query() as connection:
            async with connection.transaction():
                found = await repository.set_clock(
                    connection, device_id, utc_offset_minutes
                )
                await repository.announce(connection, device_id)
        if not found:
            raise unknown_device(device_id)
        await self._registry.reload([device_id])
        return await self._row(device_id)

    async def delete(self, device_id: str) -> None:
        """Delete the device with its fixes and facts, for good.

        A fix that a replica was about to store meanwhile is refused, or belongs to no
        device any more and goes with its day.

        Raises:
            ServiceError: 409 ``device_enabled`` where it may still send.
        """
        async with self._database.query() as connection:
            async with connection.transaction():
                await repository.take_due(connection, device_id)
                device = await repository.lock(connection, device_id)
                if device is None:
                    raise unknown_device(device_id)
                if device.enabled:
                    raise ServiceError(
                        409,
                        "device_enabled",
                        "put the device with enabled false first; this deletes its "
                        "history for good",
                    )
                count = await repository.delete(connection, device)
                await repository.announce(connection, device_id)
        await self._registry.reload([device_id])
        log.info("device_deleted", device=device_id, fixes=count)

    async def page(self, after: str, limit: int) -> tuple[list[DeviceRow], str | None]:
        """Devices after an id, and the id to continue after."""
        async with self._database.query() as connection:
            rows = await repository.page(connection, after, limit + 1)
        more = rows[limit - 1].device.device_id if len(rows) > limit else None
        return rows[:limit], more

    async def find(self, device_id: str) -> Device:
        """The device of that id, or 404."""
        await self._registry.look_up([device_id], [])
        device = self._registry.device(device_id)
        if device is None:
            raise unknown_device(device_id)
        return device

    async def _row(self, device_id: str) -> DeviceRow:
        device = await self.find(device_id)
        async with self._database.query() as connection:
            last: datetime | None = await repository.last_fix_time(
                connection, device.id
            )
        return DeviceRow(device, last)


def _is(device: Device, spec: DeviceSpec) -> bool:
    return (device.vehicle_identifier, device.enabled, device.only_on_trip) == (
        spec.vehicle_identifier,
        spec.enabled,
        spec.only_on_trip,
    )
