"""A road to drive on: geometry, speed limits, toll plazas and lost coverage."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from random import Random

from simulator.curve import Baseline, smooth
from simulator.geo import Place, Point, bearing_deg, ground_scale, project, unproject
from simulator.highways import Corridor
from simulator.traces import STEP_M, Library, Piece, piece_of

KMH = 1 / 3.6
"""Metres per second in one kilometre per hour."""

HIGHWAY_LIMIT_MS = 80.0 * KMH
CITY_LIMIT_MS = 42.0 * KMH
SLOWEST_MS = 8.0 * KMH
LATERAL_MS2 = 1.3
"""Sideways acceleration that a loaded truck's driver accepts in a bend."""

BRAKING_MS2 = 0.7
TOWN_RADIUS_M = 2_500.0
CITY_END_M = 4_000.0
MIN_LENGTH_M = 200.0
MAX_LENGTH_M = 5_000_000.0
"""Longer than any road of the country: such a lane has a wrong end."""


@dataclass(frozen=True, slots=True)
class Road:
    """A polyline with what a driver meets along it.

    ``along`` are metres from the start, ``limit`` m/s with braking ahead of bends
    already in it. ``tolls`` are positions, ``shadows`` stretches without mobile
    coverage, both in metres from the start.
    """

    latitudes: array[float]
    longitudes: array[float]
    along: array[float]
    limit: array[float]
    city: bytes
    tolls: tuple[float, ...]
    shadows: tuple[tuple[float, float], ...]
    corridor: Corridor

    @property
    def length_m(self) -> float:
        """Length in metres."""
        return self.along[-1]

    def index(self, along_m: float) -> int:
        """Index of the vertex that ends the link on which a position lies."""
        return min(max(bisect_right(self.along, along_m), 1), len(self.along) - 1)

    def place(self, along_m: float) -> Place:
        """The point ``along_m`` metres from the start."""
        index = self.index(along_m)
        span = self.along[index] - self.along[index - 1]
        share = min(max((along_m - self.along[index - 1]) / span, 0.0), 1.0)
        return Place(
            _between(self.latitudes[index - 1], self.latitudes[index], share),
            _between(self.longitudes[index - 1], self.longitudes[index], share),
        )

    def course_deg(self, along_m: float) -> float:
        """Direction of travel in degrees clockwise from north."""
        index = self.index(along_m)
        return bearing_deg(self._vertex(index - 1), self._vertex(index))

    def limit_ms(self, along_m: float) -> float:
        """Speed that bends, towns and the truck's limit allow, in m/s."""
        return self.limit[self.index(along_m)]

    def in_city(self, along_m: float) -> bool:
        """Whether a position is in a town."""
        return bool(self.city[self.index(along_m)])

    def in_shadow(self, along_m: float) -> bool:
        """Whether a position has no mobile coverage."""
        return any(start <= along_m <= end for start, end in self.shadows)

    def turned(self) -> Road:
        """The same road, driven back."""
        length = self.length_m
        latitudes = array("d", reversed(self.latitudes))
        longitudes = array("d", reversed(self.longitudes))
        along = array("d", (length - value for value in reversed(self.along)))
        city = self.city[::-1]
        return Road(
            latitudes,
            longitudes,
            along,
            _limits(latitudes, longitudes, along, city),
            city,
            tuple(length - toll for toll in reversed(self.tolls)),
            tuple((length - b, length - a) for a, b in reversed(self.shadows)),
            Corridor(
                self.corridor.waypoints[::-1],
                self.corridor.towns[::-1],
                self.corridor.highways[::-1],
            ),
        )

    def _vertex(self, index: int) -> Place:
        return Place(self.latitudes[index], self.longitudes[index])


def build_road(corridor: Corridor, library: Library | None, key: str) -> Road | None:
    """Lay a road along a corridor.

    Args:
        corridor: the way between the lane's ends.
        library: recorded drives that give the fine shape; None leaves the smooth
            line through the towns.
        key: names the lane; the same key gives the same road.

    Returns:
        The road, or None where the ends are too close together, or too far apart,
        to drive.
    """
    waypoints = list(dict.fromkeys(corridor.waypoints))
    if len(waypoints) < 2:
        return None
    baseline = Baseline([project(place) for place in waypoints])
    if not MIN_LENGTH_M <= baseline.length_m <= MAX_LENGTH_M:
        return None
    rng = Random(f"road|{key}")
    profile = _profile(baseline.length_m, library, rng)
    line = smooth(
        [baseline.place(along, left) for along, left, _ in profile],
        [width for _, _, width in profile],
    )
    places = [unproject(point) for point in line]
    latitudes = array("d", (place.latitude for place in places))
    longitudes = array("d", (place.longitude for place in places))
    along = _measure(line)
    city = _cities(line, along, corridor)
    return Road(
        latitudes,
        longitudes,
        along,
        _limits(latitudes, longitudes, along, city),
        city,
        _tolls(along[-1], rng),
        _shadows(along[-1], rng),
        corridor,
    )


def _profile(
    length_m: float, library: Library | None, rng: Random
) -> list[tuple[float, float, int]]:
    """Lay pieces end to end: (metres along, metres to the left, smoothing width)."""
    if library is None or not library.freeways:
        return [
            (min(step * STEP_M * 2, length_m), 0.0, 0)
            for step in range(math.ceil(length_m / STEP_M / 2) + 1)
        ]
    pieces = _choose_pieces(length_m, library, rng)
    stretch = length_m / sum(piece.chord_m for piece, _ in pieces)
    out = [(0.0, 0.0, 0)]
    start = 0.0
    for piece, width in pieces:
        out.extend((start + s * stretch, d * stretch, width) for s, d in piece.points)
        start += piece.chord_m * stretch
    return out


def _choose_pieces(
    length_m: float, library: Library, rng: Random
) -> list[tuple[Piece, int]]:
    """Streets at both ends, freeway between, until the lane is as good as full."""
    street_width, freeway_width = 1, 10
    ends: list[Piece] = []
    if library.streets and length_m > 20_000:
        ends = [_varied(rng.choice(library.streets), rng) for _ in range(2)]
    remaining = length_m - sum(piece.chord_m for piece in ends)
    middle: list[Piece] = []
    while remaining > 1_250.0 or not middle:
        piece = _freeway_piece(min(remaining, 6_000.0), library, rng)
        middle.append(piece)
        remaining -= piece.chord_m
    pieces = [(piece, freeway_width) for piece in middle]
    if ends:
        pieces = [(ends[0], street_width), *pieces, (ends[1], street_width)]
    return pieces


def _freeway_piece(longest_m: float, library: Library, rng: Random) -> Piece:
    """A random window of a recorded freeway that keeps to its direction."""
    weights = [len(line) for line in library.freeways]
    while True:
        line = rng.choices(library.freeways, weights)[0]
        wanted = round(rng.uniform(2_500.0, max(2_500.0, longest_m)) / STEP_M)
        size = min(wanted, len(line) - 1)
        first = rng.randrange(len(line) - size)
        piece = piece_of(line[first : first + size + 1])
        if piece is None:
            continue
        if max(abs(d) for _, d in piece.points) <= 0.22 * piece.chord_m:
            return _varied(piece, rng)


def _varied(piece: Piece, rng: Random) -> Piece:
    if rng.random() < 0.5:
        piece = piece.mirrored()
    if rng.random() < 0.5:
        piece = piece.reversed()
    return piece


def _measure(line: list[Point]) -> array[float]:
    along = array("d", [0.0])
    for a, b in zip(line, line[1:], strict=False):
        step = math.dist(a, b) * ground_scale((a.y + b.y) / 2)
        # Two vertices on one spot would make a link without a direction.
        along.append(along[-1] + max(step, 0.01))
    return along


def _cities(line: list[Point], along: array[float], corridor: Corridor) -> bytes:
    """Mark vertices near the lane's ends and near the towns on the way."""
    centres = [project(place) for place in corridor.waypoints[1:-1]]
    marks = bytearray(len(line))
    end = along[-1] - CITY_END_M
    nearest = 0
    for index, point in enumerate(line):
        if along[index] < CITY_END_M or along[index] > end:
            marks[index] = 1
            continue
        # Towns come in the order of the road, so only the next one can be nearer.
        while nearest + 1 < len(centres) and math.dist(
            point, centres[nearest + 1]
        ) < math.dist(point, centres[nearest]):
            nearest += 1
        if centres:
            away = math.dist(point, centres[nearest]) * ground_scale(point.y)
            marks[index] = away < TOWN_RADIUS_M
    return bytes(marks)


def _limits(
    latitudes: array[float], longitudes: array[float], along: array[float], city: bytes
) -> array[float]:
    """Speed limits from bends and towns, then lowered to brake in time for them."""
    count = len(along)
    limit = array("d", bytes(8 * count))
    scale = math.cos(math.radians(latitudes[0]))
    headings = [
        math.atan2(
            latitudes[i + 1] - latitudes[i], (longitudes[i + 1] - longitudes[i]) * scale
        )
        for i in range(count - 1)
    ]
    for i in range(count):
        low, high = max(i - 2, 0), min(i + 1, count - 2)
        turn = (headings[high] - headings[low] + math.pi) % (2 * math.pi) - math.pi
        span = max(along[high] - along[low], 1.0)
        bend = math.sqrt(LATERAL_MS2 * span / max(abs(turn), 1e-6))
        allowed = CITY_LIMIT_MS if city[i] else HIGHWAY_LIMIT_MS
        limit[i] = max(min(allowed, bend), SLOWEST_MS)
    for i in range(count - 2, -1, -1):
        reachable = math.sqrt(
            limit[i + 1] ** 2 + 2 * BRAKING_MS2 * (along[i + 1] - along[i])
        )
        limit[i] = min(limit[i], reachable)
    return limit


def _tolls(length_m: float, rng: Random) -> tuple[float, ...]:
    """Toll plazas about every 60 km, none in the cities at the ends."""
    tolls = []
    at = rng.uniform(15_000, 40_000)
    while at < length_m - 10_000:
        tolls.append(at)
        at += rng.uniform(45_000, 75_000)
    return tuple(tolls)


def _shadows(length_m: float, rng: Random) -> tuple[tuple[float, float], ...]:
    """Stretches of 1.5 to 7 km without coverage, about every 45 km."""
    shadows = []
    at = 6_000 + rng.expovariate(1 / 25_000)
    while at < length_m - 8_000:
        end = min(at + rng.uniform(1_500, 7_000), length_m - 5_000)
        shadows.append((at, end))
        at = end + 8_000 + rng.expovariate(1 / 35_000)
    return tuple(shadows)


def _between(a: float, b: float, share: float) -> float:
    return a + (b - a) * share
