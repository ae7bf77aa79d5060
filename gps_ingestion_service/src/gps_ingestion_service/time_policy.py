"""Which fix times are believed."""

from datetime import datetime, timedelta

import msgspec

from gps_ingestion_service.fix import Rejection


class TimePolicy(msgspec.Struct, frozen=True):
    """Bounds around the moment of receipt.

    A clock that runs ahead would otherwise hold "last position" in the future, and
    every right fix after it would look late; one that fell back to its epoch would
    fill the partitions of years gone by.
    """

    max_future: timedelta
    max_age: timedelta

    def check(self, fix_time: datetime, received_at: datetime) -> Rejection | None:
        """None when believed, else why not. Both times are aware UTC."""
        if fix_time > received_at + self.max_future:
            return Rejection(
                "fix_time_in_future",
                "timestamp",
                f"timestamp is more than {self.max_future.total_seconds():g} s ahead "
                "of the service's clock; set the device's clock",
            )
        if fix_time < received_at - self.max_age:
            return Rejection(
                "fix_time_too_old",
                "timestamp",
                f"timestamp is more than {self.max_age.days} days old; "
                "check the device's clock",
            )
        return None
