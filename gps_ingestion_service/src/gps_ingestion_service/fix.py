"""The words of the domain: a fix, a refusal of one, and what became of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntFlag, StrEnum
from typing import Any

import msgspec


class Flag(IntFlag):
    """What makes a stored fix doubtful; it is kept, and no fact is made of it."""

    MOCK_LOCATION = 1
    IMPOSSIBLE_JUMP = 2
    NO_LOCK = 4

    @property
    def names(self) -> list[str]:
        """Its parts as the API calls them."""
        return [flag.name.lower() for flag in self if flag.name is not None]


# By these names phones say that an app made the position up: OsmAnd and Traccar Client
# ``mock``, Android's location ``isMock`` and, before Android 12, the longer one.
_MOCK_NAMES = frozenset({"mock", "isMock", "is_mock", "mocked", "isFromMockProvider"})
_TRUE = frozenset({"true", "1"})

# The attribute of a fix whose time came without a zone: the minutes east of UTC at
# which the device said that its clock runs, 0 where it said nothing.
ANNOUNCED_OFFSET = "announced_offset_minutes"
_FALSE = frozenset({"false", "0"})


class Fix(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One timed position as a device sent it, in the service's own units.

    ``latitude`` and ``longitude`` are WGS 84 degrees, ``speed`` m/s, ``course``
    degrees clockwise from north in [0, 360), ``altitude`` and ``accuracy`` metres,
    ``fix_time`` an aware UTC time. ``sent_time`` is that time as the device sent it,
    read as UTC, where it had no zone or was corrected; the difference is the
    correction. ``flags`` is what was found of it since it is stored. What a device
    sends and we do not model is kept in ``attributes``.

    It refers to nothing that refers back, so the garbage collector need not look at
    thousands of them.
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
    flags: Flag = Flag(0)

    def in_zone(self, utc_offset: timedelta | None) -> "Fix":
        """The fix of a device whose clock runs in that zone; None: as the device says.

        A decoder sets ``sent_time`` where a time has no zone, and nowhere else.
        """
        if utc_offset is None or self.sent_time is None:
            return self
        try:
            return msgspec.structs.replace(self, fix_time=self.sent_time - utc_offset)
        except OverflowError:
            # On the first or last day of the calendar: no device is there.
            return self

    @property
    def is_null_island(self) -> bool:
        """True at exactly 0, 0: what a receiver without a lock reports."""
        return self.latitude == 0.0 and self.longitude == 0.0

    @property
    def is_mock(self) -> bool:
        """Whether the device says that an app made the position up."""
        if not self.attributes or _MOCK_NAMES.isdisjoint(self.attributes):
            return False
        said = (self.attributes.get(name) for name in _MOCK_NAMES)
        return any(str(value).lower() in _TRUE for value in said)

    @property
    def lacks_lock(self) -> bool:
        """Whether the receiver says that it had no lock: it repeats an old place."""
        return str(self.attributes.get("valid")).lower() in _FALSE

    @property
    def alarm(self) -> str | None:
        """What the device raised with this position, in its attribute ``alarm``."""
        alarm = self.attributes.get("alarm")
        return alarm if isinstance(alarm, str) and alarm else None


def printable(fix: Fix) -> dict[str, Any]:
    """What is known of a fix, for people: units as in :class:`Fix`. Time, place and
    speed are always there, the speed null where it is not known."""
    values = msgspec.structs.asdict(fix)
    first = {
        "timestamp": values.pop("fix_time"),
        "latitude": values.pop("latitude"),
        "longitude": values.pop("longitude"),
        "speed": values.pop("speed"),
    }
    values["sent_timestamp"] = values.pop("sent_time")
    del values["flags"]
    known = {key: value for key, value in values.items() if value not in (None, {})}
    return {**first, **known}


class Rejection(msgspec.Struct, frozen=True):
    """Why one row is not a fix: a stable ``code``, the ``field`` and a sentence."""

    code: str
    field: str | None
    reason: str


class Remark(msgspec.Struct, frozen=True):
    """What is odd about a fix that is stored: as for :class:`Rejection`."""

    code: str
    field: str | None
    reason: str


Row = Fix | Rejection


class Status(StrEnum):
    """What became of one row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    WITHHELD = "withheld"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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
