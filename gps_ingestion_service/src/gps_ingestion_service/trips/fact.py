"""When a trip's progress is worth telling again, and what is told in the end: pure."""

from datetime import datetime, timedelta

import msgspec

from gps_ingestion_service.facts.model import Fact, Kind
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.trips.intervals import Interval
from gps_ingestion_service.trips.progress import Progress

_WORTH_TELLING = timedelta(minutes=5)
_WORTH_TELLING_SHARE = 0.05


def tell(interval: Interval, now: Progress, told: Stored | None) -> Stored | None:
    """The fact of an open trip at its next revision; None where the arrival has moved
    by less than five minutes and the way by less than a twentieth since it was told.

    :param told: the fact of this trip as it was told last
    """
    fact = _fact(interval, now)
    if told is None:
        return Stored(interval.fact, 1, fact)
    before = told.fact.data
    seen_at = datetime.fromisoformat(str(before["seen_at"]))
    moved = abs(now.eta - datetime.fromisoformat(str(before["eta"])))
    come = abs(now.share - float(before["progress"] or 0))
    if now.seen_at <= seen_at or (
        moved < _WORTH_TELLING and come < _WORTH_TELLING_SHARE
    ):
        return None
    return Stored(interval.fact, told.revision + 1, fact)


def tell_ended(
    interval: Interval, last: Progress, told: Stored | None
) -> Stored | None:
    """The fact of a trip that is over, with the last that was seen of it; None where
    that is what was told."""
    fact = _fact(interval, last)
    if told is None:
        return Stored(interval.fact, 1, fact)
    return None if told.fact == fact else Stored(told.uuid, told.revision + 1, fact)


def end(told: Stored, ended_at: datetime) -> Stored:
    """The fact of a trip that its owner has ended, with what is known so far."""
    fact = msgspec.structs.replace(told.fact, ended_at=ended_at, settled_at=ended_at)
    return Stored(told.uuid, told.revision + 1, fact)


def _fact(interval: Interval, now: Progress) -> Fact:
    trip = interval.trip
    return Fact(
        kind=Kind.TRIP,
        subject=trip.reference,
        vehicle_identifier=interval.vehicle_identifier,
        started_at=trip.started_at,
        ended_at=interval.ended_at,
        settled_at=interval.ended_at,
        latitude=trip.source.latitude,
        longitude=trip.source.longitude,
        data={
            "seen_at": now.seen_at.isoformat(),
            "eta": now.eta.replace(microsecond=0).isoformat(),
            "remaining_km": round(now.remaining_m / 1000, 1),
            "progress": round(now.share, 3),
        },
    )
