"""Deriving the times of stored fixes again, from what the device's clock showed."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from gps_ingestion_service.clocks import repository
from gps_ingestion_service.clocks.plan import possible
from gps_ingestion_service.clocks.repository import Clock, LocalFix
from gps_ingestion_service.database import Database, Executor
from gps_ingestion_service.devices.service import unknown_device
from gps_ingestion_service.errors import ServiceError, StorageUnavailable
from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.time_policy import TimePolicy
from gps_ingestion_service.trips import intervals

# What one transaction can move within its statements' time: a day at a fix a second.
_MOST = 100_000


class Recorrected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the fixes of a range whose times came without a zone.

    ``checked`` is how many there are, ``corrected`` how many have another time now.
    ``left`` says by a code how many should have but stay as they were.
    """

    checked: int
    corrected: int
    left: dict[str, int]


class Recorrection:
    """Puts stored fixes right after the zone of a clock was set, and back again."""

    def __init__(
        self, database: Database, time_policy: TimePolicy, *, facts: bool
    ) -> None:
        self._database = database
        self._time_policy = time_policy
        self._facts = facts

    async def recorrect(
        self, device_id: str, start: datetime, end: datetime
    ) -> Recorrected:
        """Derive the times of the device's fixes in ``start`` <= time < ``end`` from
        what its clock showed, in the zone that it has now: all of them or none, and
        with no change the second time.

        Raises:
            ServiceError: 404 for no such device, 422 for too long a range, 503 where
                nothing was changed and the call may be repeated.
        """
        try:
            async with self._database.query() as connection, connection.transaction():
                return await self._recorrect(connection, device_id, start, end)
        except asyncpg.UniqueViolationError:
            raise StorageUnavailable("a fix of that time came just now") from None

    async def _recorrect(
        self, connection: Executor, device_id: str, start: datetime, end: datetime
    ) -> Recorrected:
        clock = await repository.lock(connection, device_id)
        if clock is None:
            raise unknown_device(device_id)
        fixes = await repository.local_fixes(
            connection, clock.device, start, end, _MOST + 1
        )
        if len(fixes) > _MOST:
            raise ServiceError(
                422,
                "range_too_long",
                f"more than {_MOST} fixes are in that range; do it in shorter ones",
            )
        left: Counter[str] = Counter()
        # Beside the event loop, for there may be many.
        wanted = await asyncio.to_thread(self._wanted, clock, fixes, left)
        if clock.only_on_trip and wanted:
            await _keep_within_trips(connection, fixes, wanted, left)
        moves = {}
        if wanted:
            times = list(wanted.values())
            taken = await repository.taken(connection, clock.device, times)
            moves = await asyncio.to_thread(possible, wanted, taken)
            left["time_taken"] += len(wanted) - len(moves)
        if moves:
            await self._move(connection, clock.device, moves)
        return Recorrected(checked=len(fixes), corrected=len(moves), left=dict(+left))

    def _wanted(
        self, clock: Clock, fixes: Sequence[LocalFix], left: Counter[str]
    ) -> dict[datetime, datetime]:
        """Where the fixes belong that are elsewhere."""
        minutes = clock.utc_offset_minutes
        offset = None if minutes is None else timedelta(minutes=minutes)
        wanted = {}
        for fix in fixes:
            announced = fix.sent_time - timedelta(minutes=fix.announced)
            sent = Fix(
                fix_time=announced, sent_time=fix.sent_time, latitude=0, longitude=0
            )
            judged = self._time_policy.judge(sent, fix.received_at, offset)
            if isinstance(judged, Rejection):
                left[judged.code] += 1
            elif judged.fix_time != fix.fix_time:
                wanted[fix.fix_time] = judged.fix_time
        return wanted

    async def _move(
        self, connection: Executor, device: int, moves: Mapping[datetime, datetime]
    ) -> None:
        """In the order in which commits and the facts lock: fixes, then the last."""
        await repository.move(connection, device, moves)
        if self._facts:
            await repository.note_for_facts(connection, device, moves)
        await repository.renew_last(connection, device)


async def _keep_within_trips(
    connection: Executor,
    fixes: Sequence[LocalFix],
    wanted: dict[datetime, datetime],
    left: Counter[str],
) -> None:
    """Leave what would be of no trip, for nobody could take it back from there."""
    asked = [
        (fix.vehicle_identifier or "", wanted[fix.fix_time])
        for fix in fixes
        if fix.fix_time in wanted
    ]
    before = list(wanted)
    for index in await intervals.outside(connection, asked):
        del wanted[before[index]]
        left["outside_trip"] += 1
