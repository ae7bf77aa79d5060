"""Recorded drives, cut into pieces that lend a road its fine shape.

The drives are three GPS traces that the package ``mappymatch`` carries (BSD-3-Clause,
recorded in Denver): freeways and city streets. They are read as data files; the
package is neither imported nor are its dependencies needed.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution

from simulator.geo import Place, Point, ground_scale, project

STEP_M = 25.0
"""Spacing of a resampled trace."""

_PACKAGE = "mappymatch"
_FILES = tuple(
    f"mappymatch/resources/traces/sample_trace_{number}.csv" for number in (1, 2, 3)
)
_SHARP_TURN_DEG = 55.0
_TURN_WINDOW = 4
_MIN_FREEWAY_M = 2_500.0
_MIN_STREET_M = 900.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of recorded road in the frame of its own chord.

    ``points`` are (metres along the chord, metres to its left), from (0, 0) to
    (``chord_m``, 0).
    """

    points: tuple[tuple[float, float], ...]
    chord_m: float

    def mirrored(self) -> Piece:
        """The same stretch with left and right exchanged."""
        return Piece(tuple((s, -d) for s, d in self.points), self.chord_m)

    def reversed(self) -> Piece:
        """The same stretch, driven the other way."""
        turned = ((self.chord_m - s, -d) for s, d in reversed(self.points))
        return Piece(tuple(turned), self.chord_m)


@dataclass(frozen=True, slots=True)
class Library:
    """Stretches of recorded road: freeways (planar, metres) and city streets."""

    freeways: tuple[tuple[Point, ...], ...]
    streets: tuple[Piece, ...]


@lru_cache(maxsize=1)
def recorded_library() -> Library | None:
    """The recorded drives, or None where their package is not installed."""
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        return None
    traces = []
    for name in _FILES:
        path = str(package.locate_file(name))
        try:
            with open(path, encoding="utf-8", newline="") as file:
                traces.append(read_trace(file.read()))
        except FileNotFoundError:
            return None
    return build_library(traces)


def read_trace(text: str) -> list[Place]:
    """Read a CSV file with the columns ``latitude`` and ``longitude`` in degrees."""
    rows = csv.DictReader(io.StringIO(text))
    return [Place(float(row["latitude"]), float(row["longitude"])) for row in rows]


def build_library(traces: Iterable[Sequence[Place]]) -> Library:
    """Sort recorded drives into freeway stretches and city streets.

    A freeway stretch is a run without a sharp turn; what lies between two of them is
    street.
    """
    freeways: list[tuple[Point, ...]] = []
    streets: list[Piece] = []
    for trace in traces:
        for is_freeway, run in _runs(resample(plane(trace), STEP_M)):
            length = STEP_M * (len(run) - 1)
            if is_freeway and length >= _MIN_FREEWAY_M:
                freeways.append(tuple(run))
            elif not is_freeway and length >= _MIN_STREET_M:
                piece = piece_of(run)
                if piece is not None and piece.chord_m >= 0.4 * length:
                    streets.append(piece)
    return Library(tuple(freeways), tuple(streets))


def plane(trace: Sequence[Place]) -> list[Point]:
    """Project a trace to metres on the ground, smoothing its GPS jitter."""
    projected = [project(place) for place in trace]
    scale = ground_scale(projected[0].y)
    window = 2
    smooth = []
    for index in range(len(projected)):
        near = projected[max(0, index - window) : index + window + 1]
        smooth.append(
            Point(
                scale * sum(point.x for point in near) / len(near),
                scale * sum(point.y for point in near) / len(near),
            )
        )
    return smooth


def resample(line: Sequence[Point], step: float) -> list[Point]:
    """Points every ``step`` metres along a line, from its start."""
    out = [line[0]]
    carried = 0.0
    for a, b in itertools.pairwise(line):
        length = math.dist(a, b)
        while carried + length >= step:
            share = (step - carried) / length
            a = Point(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share)
            out.append(a)
            length = math.dist(a, b)
            carried = 0.0
        carried += length
    return out


def _runs(line: Sequence[Point]) -> list[tuple[bool, list[Point]]]:
    """Split a line into runs of freeway (True) and street (False)."""
    window = _TURN_WINDOW
    sharp = [
        index
        for index in range(window, len(line) - window)
        if abs(_turn_deg(line[index - window], line[index], line[index + window]))
        > _SHARP_TURN_DEG
    ]
    runs: list[tuple[bool, list[Point]]] = []
    street_from = 0
    freeway_from = 0
    for corner in [*sharp, len(line) - 1]:
        if (corner - freeway_from) * STEP_M >= _MIN_FREEWAY_M + 200.0:
            first, last = freeway_from + window, corner - window
            runs.append((False, list(line[street_from : first + 1])))
            runs.append((True, list(line[first : last + 1])))
            street_from = last
        freeway_from = corner
    runs.append((False, list(line[street_from:])))
    return runs


def _turn_deg(a: Point, b: Point, c: Point) -> float:
    before = math.atan2(b.y - a.y, b.x - a.x)
    after = math.atan2(c.y - b.y, c.x - b.x)
    return (math.degrees(after - before) + 180.0) % 360.0 - 180.0


def piece_of(line: Sequence[Point]) -> Piece | None:
    """A line in the frame of its chord, or None where it ends where it began."""
    first, last = line[0], line[-1]
    chord = math.dist(first, last)
    if chord < STEP_M:
        return None
    ux, uy = (last.x - first.x) / chord, (last.y - first.y) / chord
    points = tuple(
        (
            (point.x - first.x) * ux + (point.y - first.y) * uy,
            (point.y - first.y) * ux - (point.x - first.x) * uy,
        )
        for point in line
    )
    return Piece(points, chord)
