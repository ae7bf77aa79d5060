"""What facts tell of trips, with the fixes that they are made from."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from gps_ingestion_service.database import Executor
from gps_ingestion_service.facts.model import Sample
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.trips import intervals, repository
from gps_ingestion_service.trips.fact import tell
from gps_ingestion_service.trips.intervals import Interval
from gps_ingestion_service.trips.progress import Place, Seen, progress

Span = tuple[str, datetime, datetime]


def spans(samples: Iterable[Sample]) -> list[Span]:
    """From when to when fixes in order of time are of which vehicle."""
    found: dict[str, tuple[datetime, datetime]] = {}
    for sample in samples:
        name, time = sample.vehicle_identifier, sample.time
        found[name] = (found.get(name, (time,))[0], time)
    return [(name, first, last) for name, (first, last) in found.items()]


def ended_during(trips: Iterable[Interval], samples: Iterable[Sample]) -> set[int]:
    """The trips that have ended and that fixes in order of time may be of."""
    times = {name: (first, last) for name, first, last in spans(samples)}
    return {
        trip.id
        for trip in trips
        if trip.ended_at is not None
        and trip.vehicle_identifier in times
        and trip.overlaps(*times[trip.vehicle_identifier])
    }


async def tell_open(
    connection: Executor, newest: Mapping[str, tuple[int, Sample]]
) -> list[tuple[int, Stored]]:
    """How far the open trips have come, where that is worth telling.

    :param newest: the last fix of each vehicle, and its device
    """
    vehicles = sorted(newest)
    # Nobody ends them meanwhile.
    if not await repository.find(connection, vehicles, lock=True):
        return []
    now = [(name, last.time, last.time) for name, (_, last) in newest.items()]
    open_trips = [
        trip
        for trip in await intervals.during(connection, now)
        if trip.ended_at is None
    ]
    told = await repository.facts(connection, [trip.fact for trip in open_trips])
    changes = []
    for trip in open_trips:
        device, last = newest[trip.vehicle_identifier]
        seen = Seen(last.time, Place(last.latitude, last.longitude))
        _, before = told.get(trip.fact, (device, None))
        change = tell(trip, progress(trip.trip, seen, trip.pace), before)
        if change is not None:
            changes.append((device, change))
    return changes
