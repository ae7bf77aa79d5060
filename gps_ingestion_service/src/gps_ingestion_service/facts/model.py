"""The words of the facts: what they are made from, and what they say."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

_HOUR_S = 3600


class Kind(StrEnum):
    """What a fact is about."""

    STOP = "stop"
    IDLING = "idling"
    SPEEDING = "speeding"
    SILENCE = "silence"
    IGNITION = "ignition"
    GEOFENCE = "geofence"
    TRIP = "trip"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What facts need of a fix: degrees WGS 84, ``speed`` in m/s or None, whether the
    ignition is on or None, ``accuracy`` in metres or None, and the vehicle that the
    device was mounted in."""

    time: datetime
    latitude: float
    longitude: float
    vehicle_identifier: str
    speed: float | None = None
    ignition: bool | None = None
    accuracy: float | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lasted, or still lasts while ``ended_at`` is None.

    ``settled_at`` is the time of the fix that ended it; ``ended_at`` lies before it
    where nothing was heard meanwhile. The place is where it began.
    """

    kind: Kind
    vehicle_identifier: str
    started_at: datetime
    latitude: float
    longitude: float
    subject: str = ""
    ended_at: datetime | None = None
    settled_at: datetime | None = None
    data: Mapping[str, str | float | bool | None] = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """From when on something is a fact: metres, seconds, m/s."""

    stop_radius_m: float = 75.0
    stop_min: timedelta = timedelta(minutes=3)
    idling_min: timedelta = timedelta(minutes=3)
    speed_limit: float = 80 / 3.6
    speeding_min: timedelta = timedelta(seconds=20)
    silence: timedelta = timedelta(minutes=15)


def hour_of(time: datetime) -> datetime:
    """The full hour that ``time`` lies in, UTC."""
    seconds = int(time.timestamp())
    return datetime.fromtimestamp(seconds - seconds % _HOUR_S, UTC)
