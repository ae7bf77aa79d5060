"""From decoded rows to verdicts: whose fix it is, whether its time is believed, and
what became of it at commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gps_ingestion_service.database import Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.fix import Fix, Flag, Rejection, Remark, Row, Status, Verdict
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions import repository
from gps_ingestion_service.positions.group_commit import Entry, GroupCommit
from gps_ingestion_service.positions.repository import StoredPosition
from gps_ingestion_service.time_policy import TimePolicy

# More than the zone of a clock can move a fix by.
_ZONES = timedelta(days=2)
# No device id looks like this.
GATEWAY = "@gateway"

_NOT_STORABLE = Rejection(
    "not_storable", None, "the database refuses this row; the log names why"
)
_NULL_ISLAND = Remark(
    "null_island",
    None,
    "stored, but 0, 0 is no place; last position is not moved to it",
)
_MOCK = Remark(
    "mock_location", None, "stored, but an app made it up; no fact is made of it"
)
_NO_LOCK = Remark(
    "no_lock",
    None,
    "stored, but its receiver had no lock; it moves no last position and counts for "
    "nothing",
)


class Sender(Protocol):
    """Who sends a batch, and so for which devices it may speak."""

    def identify(self, fix: Fix) -> Device | Rejection:
        """The device of one fix, or why it has none."""

    def allowance(self, row: Row) -> tuple[str, str | None]:
        """Whose room a rejected row takes in quarantine, and the device it is of."""


class DeviceSender:
    """A tracker with its own token: it speaks for itself only."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def identify(self, fix: Fix) -> Device | Rejection:
        """The token's device, unless the row names another."""
        mine = self._device
        if fix.device_id not in (None, mine.device_id):
            return _mismatch("device_id")
        if fix.vehicle_identifier not in (None, mine.vehicle_identifier):
            return _mismatch("vehicle_identifier")
        return mine

    def allowance(self, row: Row) -> tuple[str, str | None]:
        """Its own, whatever the row says."""
        return self._device.device_id, self._device.device_id


class GatewaySender:
    """A trusted gateway: every row must name its device or its vehicle."""

    def __init__(self, registry: DeviceRegistry) -> None:
        self._registry = registry

    def identify(self, fix: Fix) -> Device | Rejection:
        """The device that the row names, or the only one in the vehicle it names."""
        if fix.device_id is not None:
            return self._by_device_id(fix.device_id, fix.vehicle_identifier)
        if fix.vehicle_identifier is not None:
            return self._by_vehicle(fix.vehicle_identifier)
        return Rejection(
            "missing_field", "device_id", "device_id or vehicle_identifier is required"
        )

    def allowance(self, row: Row) -> tuple[str, str | None]:
        """One per device or vehicle that the gateway names."""
        if not isinstance(row, Fix):
            return GATEWAY, None
        name = row.device_id or row.vehicle_identifier
        device = self.identify(row)
        device_id = row.device_id if isinstance(device, Rejection) else device.device_id
        return f"{GATEWAY}/{name[:64]}" if name else GATEWAY, device_id

    def _by_device_id(
        self, device_id: str, vehicle_identifier: str | None
    ) -> Device | Rejection:
        device = self._registry.device(device_id)
        if device is None:
            return Rejection(
                "unknown_device", "device_id", "no device has this id; provision it"
            )
        if vehicle_identifier not in (None, device.vehicle_identifier):
            return _mismatch("vehicle_identifier")
        if not device.enabled:
            return Rejection("device_disabled", "device_id", "the device is disabled")
        return device

    def _by_vehicle(self, vehicle_identifier: str) -> Device | Rejection:
        field = "vehicle_identifier"
        devices = self._registry.devices_of_vehicle(vehicle_identifier)
        enabled = [device for device in devices if device.enabled]
        if len(enabled) == 1:
            return enabled[0]
        if enabled:
            return Rejection(
                "ambiguous_vehicle",
                field,
                "the vehicle has several devices; send device_id",
            )
        if devices:
            return Rejection("device_disabled", field, "the device is disabled")
        return Rejection(
            "unknown_device", field, "no device is provisioned for this vehicle"
        )


def _mismatch(field: str) -> Rejection:
    return Rejection("device_mismatch", field, f"{field} is not that of the device")


class Ingestion:
    """Takes the rows of one request to their verdicts."""

    def __init__(
        self,
        registry: DeviceRegistry,
        group_commit: GroupCommit,
        time_policy: TimePolicy,
        metrics: Metrics,
    ) -> None:
        self._registry = registry
        self._group_commit = group_commit
        self._time_policy = time_policy
        self._metrics = metrics

    def gateway(self) -> GatewaySender:
        """The sender behind the ingest token."""
        return GatewaySender(self._registry)

    async def ingest(
        self, rows: Sequence[Row], sender: Sender, received_at: datetime
    ) -> list[Verdict]:
        """One verdict per row, in the order sent, after the fixes are committed.

        Raises:
            ServiceError: 503 where nothing can be committed; no row is accepted then.
        """
        if isinstance(sender, GatewaySender):
            await self._look_up(rows)
        judged = [self._entry(row, sender, received_at) for row in rows]
        entries = [item for item in judged if isinstance(item, Entry)]
        statuses = iter(await self._group_commit.submit(entries))
        verdicts = []
        ages_s = []
        for index, item in enumerate(judged):
            if isinstance(item, Rejection):
                verdicts.append(Verdict.refused(index, item))
                continue
            status = next(statuses)
            if status is not Status.ACCEPTED:
                verdicts.append(_not_accepted(index, status))
                continue
            verdicts.append(self._accepted(index, item))
            age = received_at - item.fix.fix_time
            ages_s.append(max(0.0, age.total_seconds()))
        self._measure(verdicts, ages_s)
        return verdicts

    def _accepted(self, index: int, entry: Entry) -> Verdict:
        remarks = _remarks(entry)
        if not remarks:
            return Verdict(index, Status.ACCEPTED)
        for remark in remarks:
            self._metrics.flagged.labels(remark.code).inc()
        first = remarks[0]
        return Verdict(index, Status.ACCEPTED, first.code, first.field, first.reason)

    async def _look_up(self, rows: Sequence[Row]) -> None:
        fixes = [row for row in rows if isinstance(row, Fix)]
        await self._registry.look_up(
            {fix.device_id for fix in fixes if fix.device_id},
            {
                fix.vehicle_identifier
                for fix in fixes
                if fix.vehicle_identifier and not fix.device_id
            },
        )

    def _entry(
        self, row: Row, sender: Sender, received_at: datetime
    ) -> Entry | Rejection:
        if isinstance(row, Rejection):
            return row
        device = sender.identify(row)
        if isinstance(device, Rejection):
            return device
        judged = self._time_policy.judge(row, received_at, device.utc_offset)
        if isinstance(judged, Rejection):
            return judged
        flags = Flag.MOCK_LOCATION if judged.is_mock else Flag(0)
        if judged.lacks_lock:
            flags |= Flag.NO_LOCK
        return Entry(device.id, judged, received_at, flags)

    def _measure(self, verdicts: Sequence[Verdict], ages_s: Sequence[float]) -> None:
        metrics = self._metrics
        counts = dict.fromkeys(Status, 0)
        for verdict in verdicts:
            counts[verdict.status] += 1
            if verdict.status is Status.REJECTED:
                metrics.rejected.labels(verdict.code).inc()
        for status, count in counts.items():
            if count:
                metrics.fixes.labels(status.value).inc(count)
        if ages_s:
            metrics.fix_age.observe_all(ages_s)
            metrics.last_accepted.set_to_current_time()


def _not_accepted(index: int, status: Status) -> Verdict:
    if status is Status.REJECTED:
        return Verdict.refused(index, _NOT_STORABLE)
    if status is Status.DUPLICATE:
        return Verdict(index, status)
    return Verdict(
        index,
        Status.WITHHELD,
        code="outside_trip",
        reason="dropped as it was ordered: the device is stored on open trips only",
    )


def _remarks(entry: Entry) -> Sequence[Remark]:
    """What there is to say of a fix that is stored nevertheless."""
    found = []
    if entry.flags:
        if Flag.MOCK_LOCATION in entry.flags:
            found.append(_MOCK)
        if Flag.NO_LOCK in entry.flags:
            found.append(_NO_LOCK)
    sent = entry.fix.sent_time
    if sent is not None and abs(entry.fix.fix_time - sent) > _ZONES:
        found.append(
            Remark(
                "week_rollover",
                "timestamp",
                "stored under a time that is right by turns of the GPS week: "
                f"{entry.fix.fix_time:%Y-%m-%dT%H:%M:%SZ}; update the receiver",
            )
        )
    if entry.fix.is_null_island:
        found.append(_NULL_ISLAND)
    return found


class Reading:
    """History and last positions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(
        self, device: Device, after: datetime, before: datetime, limit: int
    ) -> tuple[list[StoredPosition], datetime | None]:
        """Fixes strictly between two times, oldest first, and where to go on."""
        async with self._database.query() as connection:
            records = await repository.history(
                connection, device.id, after, before, limit + 1
            )
        positions = [
            repository.position(record, device.device_id, device.vehicle_identifier)
            for record in records[:limit]
        ]
        more = len(records) > limit
        return positions, positions[-1].fix.fix_time if more else None

    async def last(
        self, vehicle_identifier: str | None, after: str, limit: int
    ) -> tuple[list[StoredPosition], str | None]:
        """Newest position of each device, and the device id to go on after."""
        async with self._database.query() as connection:
            found = await repository.last(
                connection, vehicle_identifier, after, limit + 1
            )
        more = len(found) > limit
        return found[:limit], found[limit - 1].device_id if more else None
