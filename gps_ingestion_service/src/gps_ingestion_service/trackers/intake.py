"""What a frame comes to: who may send, and what is durably stored of it."""

from datetime import UTC, datetime, timedelta

import msgspec

from gps_ingestion_service.connections.budget import ByteBudget
from gps_ingestion_service.database import Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.errors import ServiceError, StorageUnavailable
from gps_ingestion_service.fix import Fix, Status
from gps_ingestion_service.formats import DecodeError, Message, TrackerFormat
from gps_ingestion_service.formats.fields import DEVICE_ID
from gps_ingestion_service.formats.tracker import Context, Event, Report
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions import repository
from gps_ingestion_service.positions.service import DeviceSender, Ingestion
from gps_ingestion_service.quarantine.repository import Refused
from gps_ingestion_service.quarantine.service import ANONYMOUS, Quarantine
from gps_ingestion_service.rate_limit import RateLimit

UNKNOWN_DEVICE = DecodeError(
    "unknown_device", "no enabled device has this id; provision it"
)


class Frame(msgspec.Struct, frozen=True):
    """Bytes of one frame or datagram, and how they came.

    ``announced`` is the zone of the device's clock as its login said it.
    """

    tracker: TrackerFormat
    transport: str
    data: bytes
    received_at: datetime
    announced: timedelta = timedelta(0)

    @property
    def context(self) -> Context:
        """What the frame's meaning depends on."""
        return Context(received_at=self.received_at, utc_offset=self.announced)

    def refused(
        self,
        error: DecodeError,
        device_id: str | None,
        *,
        trusted: bool,
        acknowledged: bool = False,
    ) -> Refused:
        """The frame as quarantine keeps it; ``acknowledged`` if the device is told
        that it is stored."""
        known = device_id is not None and DEVICE_ID.fullmatch(device_id)
        return Refused(
            allowance=device_id if trusted and device_id else ANONYMOUS,
            protocol=self.tracker.name,
            transport=self.transport,
            device_id=device_id if known else None,
            code=error.code,
            reason=error.message,
            message=Message(
                body=self.data,
                utc_offset_minutes=self.announced // timedelta(minutes=1),
            ),
            received_at=self.received_at,
            acknowledged=acknowledged,
        )


class Intake:
    """Takes frames for every listener."""

    def __init__(
        self,
        database: Database,
        registry: DeviceRegistry,
        ingestion: Ingestion,
        quarantine: Quarantine,
        metrics: Metrics,
        rate: RateLimit,
        held: ByteBudget,
    ) -> None:
        self._database = database
        self._registry = registry
        self._ingestion = ingestion
        self._quarantine = quarantine
        self._metrics = metrics
        self._rate = rate
        self.held = held

    @property
    def is_ready(self) -> bool:
        """Whether it is known who may send."""
        return self._registry.loaded

    def device(self, device_id: str) -> Device | None:
        """The device of that id, if it may send."""
        device = self._registry.device(device_id)
        return device if device is not None and device.enabled else None

    async def can_store(self) -> bool:
        """Whether the database answers now."""
        try:
            async with self._database.query() as connection:
                await connection.execute("SELECT 1")
        except StorageUnavailable:
            return False
        return True

    async def store(self, frame: Frame, report: Report, device: Device) -> int:
        """How many records of the report are durably stored: all, or none.

        A record that is rejected counts once the frame is in quarantine for good; a
        device that was told less than all would send the same frame for ever. None
        of one that sends faster than any device has to.
        """
        if self._is_too_fast(frame, device.device_id):
            return 0
        try:
            verdicts = await self._ingestion.ingest(
                report.rows, DeviceSender(device), frame.received_at
            )
            for verdict in verdicts:
                if verdict.status is Status.REJECTED:
                    error = DecodeError(str(verdict.code), str(verdict.reason))
                    kept = frame.refused(
                        error, device.device_id, trusted=True, acknowledged=True
                    )
                    await self._quarantine.keep([kept])
                    break
        except ServiceError:
            self.count(frame, "unavailable")
            return 0
        self.count(frame, "stored")
        return len(verdicts)

    async def store_event(self, frame: Frame, event: Event, device: Device) -> bool:
        """Whether what the device raised without a position is durably stored.

        It is, as a fix without a lock: at the time of receipt, at the last place known,
        or at 0, 0, which is what a receiver without a lock reports.
        """
        try:
            async with self._database.query() as connection:
                place = await repository.last_place(connection, device.id)
        except StorageUnavailable:
            self.count(frame, "unavailable")
            return False
        latitude, longitude = place or (0.0, 0.0)
        fix = Fix(
            fix_time=frame.received_at,
            latitude=latitude,
            longitude=longitude,
            attributes={**event.attributes, "valid": False},
        )
        report = Report(rows=[fix], answer=lambda stored: event.answer)
        return bool(await self.store(frame, report, device))

    async def refuse(
        self, frame: Frame, error: DecodeError, device_id: str | None, *, trusted: bool
    ) -> bool:
        """Keep a frame that cannot be taken; False where that is not possible now."""
        if trusted and self._is_too_fast(frame, device_id or ""):
            return False
        self.count(frame, "refused")
        refused = frame.refused(error, device_id, trusted=trusted)
        if not trusted:
            await self._quarantine.keep_if_possible(refused)
            return True
        try:
            await self._quarantine.keep([refused])
        except StorageUnavailable:
            return False
        return True

    def _is_too_fast(self, frame: Frame, device_id: str) -> bool:
        if not self._rate.take(device_id):
            return False
        self.count(frame, "too_fast")
        return True

    def count(self, frame: Frame, outcome: str) -> None:
        """Measure what became of a frame."""
        self._metrics.tracker_frames.labels(
            frame.tracker.name, frame.transport, outcome
        ).inc()


def now() -> datetime:
    """The time of receipt."""
    return datetime.now(UTC)
