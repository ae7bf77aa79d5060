"""Fewer points for the same track."""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, hypot, radians

# Metres of one degree of latitude, on the mean radius of the earth.
_DEGREE_M = 111_195.0
# A day on the road takes some fifty looks at each place. Where they are used up,
# stretches are cut in the middle too: a zigzag that was made for it, which loses one
# place at a time, would take as many looks as there are places.
_LOOKS = 100

Place = tuple[float, float]


def simplify(places: Sequence[Place], tolerance_m: float) -> list[int]:
    """Indices of the places that keep a track within ``tolerance_m`` of its line.

    Ramer, Douglas and Peucker: of a stretch the place farthest from the straight line
    stays, if it is farther than the tolerance, and parts the stretch in two. Places are
    latitude and longitude in degrees; distances are those on a plane that touches the
    earth where the stretch begins, so a stretch may not be as long as a continent.
    First and last stay always. It takes seconds of computing for a day of fixes.
    """
    if len(places) < 3:
        return list(range(len(places)))
    kept = {0, len(places) - 1}
    stretches = [(0, len(places) - 1)]
    looks = _LOOKS * len(places)
    while stretches:
        first, last = stretches.pop()
        looks -= last - first
        farthest, distance_m = _farthest(places, first, last)
        if distance_m > tolerance_m:
            cuts = {farthest} if looks > 0 else {farthest, (first + last) // 2}
            kept |= cuts
            stretches += pairwise(sorted({first, last} | cuts))
    return sorted(kept)


def _farthest(places: Sequence[Place], first: int, last: int) -> tuple[int, float]:
    """The place between the two that is farthest from their line, and how far."""
    latitude, longitude = places[first]
    to_x = _DEGREE_M * cos(radians(latitude))
    end_x = _turn(places[last][1] - longitude) * to_x
    end_y = (places[last][0] - latitude) * _DEGREE_M
    length_squared = end_x * end_x + end_y * end_y
    farthest, distance_m = first, -1.0
    for index in range(first + 1, last):
        x = _turn(places[index][1] - longitude) * to_x
        y = (places[index][0] - latitude) * _DEGREE_M
        along = (x * end_x + y * end_y) / length_squared if length_squared else 0.0
        along = min(1.0, max(0.0, along))
        distance = hypot(x - along * end_x, y - along * end_y)
        if distance > distance_m:
            farthest, distance_m = index, distance
    return farthest, distance_m


def _turn(degrees: float) -> float:
    """A difference of longitudes the short way round, over the date line too."""
    return (degrees + 180.0) % 360.0 - 180.0
