"""Taking a message from quarantine once more, with today's devices and decoders."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from gps_ingestion_service.database import Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.fix import Fix, Row, Status, Verdict
from gps_ingestion_service.formats import (
    HTTP_FORMATS,
    TRACKER_FORMATS,
    DecodeError,
    Message,
)
from gps_ingestion_service.formats.capture import named
from gps_ingestion_service.formats.tracker import Context, Event, Login, Notice, Packet
from gps_ingestion_service.positions.service import DeviceSender, Ingestion, Sender
from gps_ingestion_service.quarantine import repository
from gps_ingestion_service.quarantine.repository import Kept


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message: released when nothing in it is refused any more."""

    id: int
    released: bool
    code: str | None = None
    reason: str | None = None
    verdicts: list[Verdict] = []


class Replay:
    """Lists, shows and replays what is in quarantine."""

    def __init__(
        self,
        database: Database,
        registry: DeviceRegistry,
        ingestion: Ingestion,
        max_rows: int,
    ) -> None:
        self._database = database
        self._registry = registry
        self._ingestion = ingestion
        self._max_rows = max_rows

    async def page(
        self, device_id: str | None, after: int, limit: int
    ) -> tuple[list[Kept], int | None]:
        """Messages after an id, and the id to go on after."""
        async with self._database.query() as connection:
            found = await repository.page(connection, device_id, after, limit + 1)
        more = found[limit - 1].id if len(found) > limit else None
        return found[:limit], more

    async def find(self, key: int) -> tuple[Kept, Message]:
        """A message with its content, or 404."""
        async with self._database.query() as connection:
            found = await repository.find(connection, key)
        if found is None:
            raise _unknown(key)
        return found

    async def discard(self, key: int) -> None:
        """Let go of a message for good, or 404."""
        async with self._database.query() as connection:
            if not await repository.delete(connection, key):
                raise _unknown(key)

    def decode(self, kept: Kept, message: Message) -> list[Row]:
        """What the message decodes to now, its times in the zone that the device's
        clock has now.

        Raises:
            DecodeError: it is still refused.
        """
        device = self._registry.device(kept.device_id or "")
        offset = None if device is None else device.utc_offset
        return [
            row.in_zone(offset) if isinstance(row, Fix) else row
            for row in self._rows(kept, message)
        ]

    def _rows(self, kept: Kept, message: Message) -> list[Row]:
        http = HTTP_FORMATS.get(kept.protocol)
        if http is not None:
            decoded = http.decode(message, kept.first_seen, self._max_rows)
            return [named(row, kept.device_id) for row in decoded.rows]
        packet = _packet(kept, message)
        if isinstance(packet, Login | Notice | Event):
            return []
        return [named(row, packet.device_id or kept.device_id) for row in packet.rows]

    async def replay(self, key: int) -> Replayed:
        """Take the message again; it goes when nothing of it is refused.

        Raises:
            ServiceError: 404 for no such message, 503 where nothing can be committed.
        """
        kept, message = await self.find(key)
        try:
            rows = self.decode(kept, message)
        except DecodeError as error:
            return await self._still_refused(kept, error.code, error.message, [])
        if not rows and self._registry.device(kept.device_id or "") is None:
            return await self._still_refused(kept, kept.code, kept.reason, [])
        verdicts = await self._ingestion.ingest(
            rows, self._sender(kept), datetime.now(UTC)
        )
        for verdict in verdicts:
            if verdict.status is Status.REJECTED:
                code, reason = str(verdict.code), str(verdict.reason)
                return await self._still_refused(kept, code, reason, verdicts)
        async with self._database.query() as connection:
            await repository.delete(connection, kept.id)
        return Replayed(id=kept.id, released=True, verdicts=verdicts)

    def _sender(self, kept: Kept) -> Sender:
        """A device's own message counts for that device, whatever it names."""
        device = self._registry.device(kept.allowance)
        if device is None or not device.enabled:
            return self._ingestion.gateway()
        return DeviceSender(device)

    async def _still_refused(
        self, kept: Kept, code: str, reason: str, verdicts: Sequence[Verdict]
    ) -> Replayed:
        async with self._database.query() as connection:
            await repository.renew(connection, kept.id, code, reason)
        return Replayed(
            id=kept.id,
            released=False,
            code=code,
            reason=reason,
            verdicts=list(verdicts),
        )


def _packet(kept: Kept, message: Message) -> Packet:
    tracker = TRACKER_FORMATS[kept.protocol]
    frame = message.body
    context = Context(
        received_at=kept.first_seen,
        utc_offset=timedelta(minutes=message.utc_offset_minutes),
    )
    if kept.transport == "udp" and tracker.decode_datagram is not None:
        return tracker.decode_datagram(frame, context)
    length = tracker.frame_length(frame)
    if length != len(frame):
        raise DecodeError("invalid_frame", "these bytes are not one whole frame")
    return tracker.decode(frame, context)


def _unknown(key: int) -> ServiceError:
    return ServiceError(
        404, "unknown_message", f"no message {key} is in quarantine; list them first"
    )
