"""The words of the domain: a fix, a refusal of one, and what became of it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One timed position as a device sent it, in the service's own units.

    ``latitude`` and ``longitude`` are WGS 84 degrees, ``speed`` m/s, ``course``
    degrees clockwise from north in [0, 360), ``altitude`` and ``accuracy`` metres,
    ``fix_time`` an aware UTC time. ``sent_time`` is that time as the device sent it,
    read as UTC, where it was corrected; the difference is the correction. What a device
    sends and we do not model is kept in ``attributes``.
    """

    fix_time: datetime
    latitude: float
    longitude: float
    device_id: str | None = None
    vehicle_identifier: str | None = None
    speed: float | None = None
    course: float | None = None
    altitude: float | None = None
    accuracy: float | None = None
    attributes: Mapping[str, Any] = {}
    sent_time: datetime | None = None

    @property
    def is_null_island(self) -> bool:
        """True at exactly 0, 0: what a receiver without a lock reports."""
        return self.latitude == 0.0 and self.longitude == 0.0

    @property
    def alarm(self) -> str | None:
        """What the device raised with this position, in its attribute ``alarm``."""
        alarm = self.attributes.get("alarm")
        return alarm if isinstance(alarm, str) and alarm else None


def printable(fix: Fix) -> dict[str, Any]:
    """What is known of a fix, for people: units as in :class:`Fix`."""
    values = msgspec.structs.asdict(fix)
    values["timestamp"] = values.pop("fix_time")
    return {key: value for key, value in values.items() if value not in (None, {})}


class Rejection(msgspec.Struct, frozen=True):
    """Why one row is not a fix: a stable ``code``, the ``field`` and a sentence."""

    code: str
    field: str | None
    reason: str


Row = Fix | Rejection


class Status(StrEnum):
    """What became of one row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one row; ``index`` is its place in the request, from 0."""

    index: int
    status: Status
    code: str | None = None
    field: str | None = None
    reason: str | None = None

    @classmethod
    def refused(cls, index: int, rejection: Rejection) -> "Verdict":
        """The verdict that carries a rejection back to the sender."""
        return cls(
            index,
            Status.REJECTED,
            code=rejection.code,
            field=rejection.field,
            reason=rejection.reason,
        )
