"""All devices in memory, kept current in every replica by LISTEN/NOTIFY.

Unauthenticated traffic is judged from memory, and before a refusal by a second look
into the database: another replica may have provisioned the device a moment ago. Second
looks are few a second, so that a flood of wrong tokens hardly reaches the database.
"""

import asyncio
from collections.abc import Iterable

import structlog

from gps_ingestion_service import auth
from gps_ingestion_service.database import Connection, Database, is_outage
from gps_ingestion_service.devices import repository
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.errors import NotReady
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.rate_limit import RateLimit

_KEEPALIVE_S = 15.0
_RECONNECT_S = 1.0
_SECOND_LOOKS_PER_S = 20.0

log = structlog.stdlib.get_logger(__name__)


class DeviceRegistry:
    """Devices by id, by token and by vehicle."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._by_id: dict[str, Device] = {}
        self._by_token: dict[bytes, Device] = {}
        self._by_vehicle: dict[str, dict[str, Device]] = {}
        # One read-and-apply at a time: two could otherwise apply in the wrong order.
        self._lock = asyncio.Lock()
        self._second_looks = RateLimit(_SECOND_LOOKS_PER_S, int(_SECOND_LOOKS_PER_S))
        self.loaded = False

    def require_loaded(self) -> None:
        """Raise :class:`NotReady` until the devices are known."""
        if not self.loaded:
            raise NotReady(
                "the devices are not loaded yet; keep the data and send it again"
            )

    def device(self, device_id: str) -> Device | None:
        """The device of that id."""
        return self._by_id.get(device_id)

    def device_of_token(self, token: str) -> Device | None:
        """The device that the token was issued to."""
        device = self._by_token.get(auth.digest(token))
        if device is None or not auth.matches(token, device.token_hash):
            return None
        return device

    def devices_of_vehicle(self, vehicle_identifier: str) -> list[Device]:
        """Every device that is mounted in the vehicle, in the order of their ids."""
        devices = self._by_vehicle.get(vehicle_identifier, {})
        return [devices[device_id] for device_id in sorted(devices)]

    async def load(self) -> None:
        """Read every device."""
        async with self._lock:
            async with self._database.query() as connection:
                devices = await repository.load_all(connection)
            self._by_id.clear()
            self._by_token.clear()
            self._by_vehicle.clear()
            self._apply(devices)
            self.loaded = True
        log.info("devices_loaded", count=len(devices))

    async def reload(self, device_ids: Iterable[str]) -> None:
        """Read these devices again; those that are gone are forgotten."""
        wanted = list(device_ids)
        async with self._lock, self._database.query() as connection:
            found = await repository.find(connection, wanted)
            for gone in set(wanted) - {device.device_id for device in found}:
                known = self._by_id.pop(gone, None)
                if known is not None:
                    self._forget(known)
            self._apply(found)

    async def look_again(self, device_id: str = "", token: str = "") -> None:
        """Read what the database has of a device, by its id or its token, before a
        sender is refused. Does nothing past the limit, or while the database is away:
        memory then decides alone.
        """
        if self._second_looks.take():
            return
        try:
            async with self._lock, self._database.query() as connection:
                found = await repository.find(connection, [device_id])
                if token:
                    known = auth.digest(token)
                    found += await repository.find_by_token(connection, known)
                self._apply(found)
        except Exception as error:
            if not is_outage(error):
                raise

    async def look_up(
        self, device_ids: Iterable[str], vehicle_identifiers: Iterable[str]
    ) -> None:
        """Ask the database for what a trusted gateway names and memory lacks.

        Another replica may have provisioned it a moment ago.
        """
        ids = [item for item in device_ids if item not in self._by_id]
        vehicles = [
            item for item in vehicle_identifiers if item not in self._by_vehicle
        ]
        if not ids and not vehicles:
            return
        async with self._lock, self._database.query() as connection:
            if ids:
                self._apply(await repository.find(connection, ids))
            if vehicles:
                self._apply(await repository.find_by_vehicle(connection, vehicles))

    def _apply(self, devices: Iterable[Device]) -> None:
        for device in devices:
            known = self._by_id.get(device.device_id)
            if known is not None:
                self._forget(known)
            self._by_id[device.device_id] = device
            if device.token_hash is not None:
                self._by_token[device.token_hash] = device
            mounted = self._by_vehicle.setdefault(device.vehicle_identifier, {})
            mounted[device.device_id] = device
        self._metrics.devices.set(len(self._by_id))

    def _forget(self, device: Device) -> None:
        if device.token_hash is not None:
            self._by_token.pop(device.token_hash, None)
        mounted = self._by_vehicle[device.vehicle_identifier]
        del mounted[device.device_id]
        if not mounted:
            del self._by_vehicle[device.vehicle_identifier]

    async def follow(self) -> None:
        """Load the devices and apply every change. Runs until cancelled."""
        while True:
            try:
                await self._follow_connection()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("devices_not_followed", error=str(error))
            await asyncio.sleep(_RECONNECT_S)

    async def _follow_connection(self) -> None:
        """Listen first, then load, so that no change falls between the two."""
        connection = await self._database.connect()
        changes: asyncio.Queue[str | None] = asyncio.Queue()

        def on_change(_c: object, _pid: int, _channel: str, payload: object) -> None:
            changes.put_nowait(str(payload))

        try:
            connection.add_termination_listener(lambda _c: changes.put_nowait(None))
            await connection.add_listener(repository.CHANNEL, on_change)
            await self.load()
            while (change := await _next(connection, changes)) is not None:
                await self.reload([change])
        finally:
            connection.terminate()


async def _next(
    connection: Connection, changes: "asyncio.Queue[str | None]"
) -> str | None:
    """The next changed device, or None when the connection is gone.

    A connection that died without a word is found by asking it now and then.
    """
    while True:
        try:
            async with asyncio.timeout(_KEEPALIVE_S):
                return await changes.get()
        except TimeoutError:
            await connection.execute("SELECT 1")
