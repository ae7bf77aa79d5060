"""When a trip's progress is worth telling again: pure."""

from datetime import datetime, timedelta
from uuid import uuid4

from gps_ingestion_service.facts.model import Fact, Kind
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.trips.progress import Progress, Trip

_WORTH_TELLING = timedelta(minutes=5)
_WORTH_TELLING_SHARE = 0.05


def tell(
    trip: Trip, vehicle_identifier: str, now: Progress, told: Stored | None
) -> Stored | None:
    """The trip's fact at its next revision; None where the arrival has moved by less
    than five minutes and the way by less than a twentieth since it was told.

    :param told: the fact of this trip as it was told last
    """
    fact = Fact(
        kind=Kind.TRIP,
        subject=trip.reference,
        vehicle_identifier=vehicle_identifier,
        started_at=trip.started_at,
        latitude=trip.source.latitude,
        longitude=trip.source.longitude,
        data={
            "seen_at": now.seen_at.isoformat(),
            "eta": now.eta.replace(microsecond=0).isoformat(),
            "remaining_km": round(now.remaining_m / 1000, 1),
            "progress": round(now.share, 3),
        },
    )
    if told is None:
        return Stored(uuid4(), 1, fact)
    before = told.fact.data
    seen_at = datetime.fromisoformat(str(before["seen_at"]))
    moved = abs(now.eta - datetime.fromisoformat(str(before["eta"])))
    come = abs(now.share - float(before["progress"] or 0))
    if now.seen_at <= seen_at or (
        moved < _WORTH_TELLING and come < _WORTH_TELLING_SHARE
    ):
        return None
    return Stored(told.uuid, told.revision + 1, fact)


def end(told: Stored, ended_at: datetime) -> Stored:
    """The fact of a trip that its owner has ended."""
    before = told.fact
    fact = Fact(
        kind=before.kind,
        subject=before.subject,
        vehicle_identifier=before.vehicle_identifier,
        started_at=before.started_at,
        latitude=before.latitude,
        longitude=before.longitude,
        data=before.data,
        ended_at=ended_at,
        settled_at=ended_at,
    )
    return Stored(told.uuid, told.revision + 1, fact)
