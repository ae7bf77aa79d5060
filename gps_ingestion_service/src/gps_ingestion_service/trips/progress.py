"""Progress and arrival of a trip, pure: the great circle to the destination, times how
much longer the roads have been than the great circle, at the pace of earlier trips."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from gps_ingestion_service.facts.geometry import can_be_driven, distance_m

# Drift of a parked truck's receiver is no driving.
_DRIFT_M = 30.0
_ARRIVED_WITHIN_M = 2000.0
_SHORTEST_LESSON_M = 5000.0
# Less of the great circle driven: the tracker was not there from the start.
_LEAST_DRIVEN = 0.8


class Place(msgspec.Struct, frozen=True):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float

    def distance_m(self, other: "Place") -> float:
        """Great-circle distance in metres."""
        return distance_m(
            self.latitude, self.longitude, other.latitude, other.longitude
        )


class Seen(msgspec.Struct, frozen=True):
    """Where a vehicle was, and when."""

    time: datetime
    place: Place


class Pace(msgspec.Struct, frozen=True):
    """``detour_factor``: metres of road per metre of great circle; ``speed``: metres of
    road per second from departure to arrival, rests included."""

    detour_factor: float
    speed: float


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """What a vehicle is to do."""

    reference: str
    started_at: datetime
    source: Place
    destination: Place
    arrival_radius_m: float = 300.0

    @property
    def direct_m(self) -> float:
        """Great-circle length in metres."""
        return self.source.distance_m(self.destination)

    @property
    def lane(self) -> str:
        """What it has in common with trips between the same two places, to a tenth of
        a degree (at most 11 km)."""
        one, other = self.source, self.destination
        return (
            f"{one.latitude:.1f},{one.longitude:.1f}"
            f">{other.latitude:.1f},{other.longitude:.1f}"
        )


class Progress(msgspec.Struct, frozen=True):
    """How far a trip has come: metres of road to go, share of the way from 0 to 1, and
    the time of arrival."""

    seen_at: datetime
    remaining_m: float
    share: float
    eta: datetime


class Lesson(msgspec.Struct, frozen=True):
    """What a finished trip taught: metres of great circle, metres driven, seconds."""

    direct_m: float
    driven_m: float
    duration_s: float


def progress(trip: Trip, seen: Seen, pace: Pace) -> Progress:
    """How far the trip has come with the vehicle there."""
    direct_m = seen.place.distance_m(trip.destination)
    remaining_m = direct_m * pace.detour_factor
    whole_m = trip.direct_m
    return Progress(
        seen_at=seen.time,
        remaining_m=remaining_m,
        share=1.0 if whole_m == 0 else min(1.0, max(0.0, 1 - direct_m / whole_m)),
        eta=seen.time + timedelta(seconds=remaining_m / pace.speed),
    )


class Journey:
    """The way of a trip, up to the first place near its destination."""

    def __init__(self, trip: Trip) -> None:
        self._trip = trip
        self._near_m = max(trip.arrival_radius_m, _ARRIVED_WITHIN_M)
        self._driven_m = 0.0
        self._last: Seen | None = None
        self._found: Lesson | None = None

    def take(self, way: Iterable[Seen]) -> bool:
        """Go on along the next part, which is in order of time; whether it arrived."""
        for seen in way:
            last = self._last
            moved = 0.0 if last is None else last.place.distance_m(seen.place)
            if last is None or moved > _DRIFT_M:
                if last and can_be_driven(
                    moved, (seen.time - last.time).total_seconds()
                ):
                    self._driven_m += moved
                self._last = seen
            if seen.place.distance_m(self._trip.destination) <= self._near_m:
                duration_s = (seen.time - self._trip.started_at).total_seconds()
                self._found = Lesson(self._trip.direct_m, self._driven_m, duration_s)
                return True
        return False

    @property
    def lesson(self) -> Lesson | None:
        """What it teaches; None where it did not arrive, or is too short or too gappy
        to tell."""
        found = self._found
        return found if found is not None and _is_worth(found) else None


def _is_worth(found: Lesson) -> bool:
    return (
        found.direct_m >= _SHORTEST_LESSON_M
        and found.driven_m >= _LEAST_DRIVEN * found.direct_m
        and found.duration_s > 0
    )


def learn(lessons: Sequence[Lesson], prior: Pace) -> Pace:
    """The pace of earlier trips; ``prior`` weighs as much as one of them."""
    if not lessons:
        return prior
    direct_m = sum(item.direct_m for item in lessons)
    prior_m = direct_m / len(lessons) * prior.detour_factor
    driven_m = prior_m + sum(item.driven_m for item in lessons)
    seconds = prior_m / prior.speed + sum(item.duration_s for item in lessons)
    return Pace(driven_m / (direct_m + direct_m / len(lessons)), driven_m / seconds)
