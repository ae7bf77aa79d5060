"""Which fix times are believed, and which are corrected."""

from datetime import UTC, datetime, timedelta

import msgspec

from gps_ingestion_service.fix import Fix, Rejection

# The satellites send the number of the week in ten bits. A receiver whose firmware
# counts the turns of that number wrongly is off by whole turns (IS-GPS-200, 20.3.3.3).
WEEK_TURN = timedelta(weeks=1024)
# Time began there for GPS: a clock before it was never set by a satellite.
_GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)


class TimePolicy(msgspec.Struct, frozen=True):
    """Bounds around the moment of receipt.

    A clock that runs ahead would otherwise hold "last position" in the future, and
    every right fix after it would look late; one that fell back to its epoch would
    fill the partitions of years gone by.
    """

    max_future: timedelta
    max_age: timedelta

    def judge(
        self, fix: Fix, received_at: datetime, utc_offset: timedelta | None = None
    ) -> Fix | Rejection:
        """The fix as it is where its time is believed; corrected where the time is
        wrong by whole turns of the GPS week; else why it is refused.

        ``received_at`` is aware UTC; ``utc_offset`` is that of the device's clock, for
        times without a zone, or None where only the device says it.
        """
        if utc_offset is not None:
            fix = fix.in_zone(utc_offset)
        latest, earliest = received_at + self.max_future, received_at - self.max_age
        if earliest <= fix.fix_time <= latest:
            return fix
        if fix.fix_time >= _GPS_EPOCH:
            # Down to the newest such time that is not in the future; turns may be
            # negative, for a clock that runs ahead.
            turns = (latest - fix.fix_time) // WEEK_TURN
            corrected = fix.fix_time + turns * WEEK_TURN
            if corrected >= earliest:
                return msgspec.structs.replace(
                    fix, fix_time=corrected, sent_time=fix.sent_time or fix.fix_time
                )
        return self._refuse(fix.fix_time > latest)

    def _refuse(self, is_ahead: bool) -> Rejection:
        if is_ahead:
            return Rejection(
                "fix_time_in_future",
                "timestamp",
                f"timestamp is more than {self.max_future.total_seconds():g} s ahead "
                "of the service's clock; set the device's clock",
            )
        return Rejection(
            "fix_time_too_old",
            "timestamp",
            f"timestamp is more than {self.max_age.days} days old; "
            "check the device's clock",
        )
