"""What a heartbeat says of the vehicle, on its way into the fixes that follow it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.fix import Fix, Row
from gps_ingestion_service.formats.tracker import Report

# Clocks of devices differ that much from ours; older fixes are from a device's memory,
# and the heartbeat says nothing of the time when they were made.
_SKEW = timedelta(minutes=1)


class Status:
    """The last heartbeat of one connection: models that report the ignition there only
    would never have any with their positions."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._since: datetime | None = None

    def renew(self, values: Mapping[str, Any], received_at: datetime) -> None:
        """A heartbeat came; one that says nothing changes nothing."""
        if values:
            self._values = dict(values)
            self._since = received_at

    def added_to(self, report: Report, device: Device) -> Report:
        """The report, its fixes with what they do not say themselves. An alarm goes
        with the first fix only."""
        rows = [self._with_status(row, device) for row in report.rows]
        return msgspec.structs.replace(report, rows=rows)

    def _with_status(self, row: Row, device: Device) -> Row:
        if self._since is None or not isinstance(row, Fix):
            return row
        if row.in_zone(device.utc_offset).fix_time < self._since - _SKEW:
            return row
        attributes = {**self._values, **row.attributes}
        self._values.pop("alarm", None)
        return msgspec.structs.replace(row, attributes=attributes)
