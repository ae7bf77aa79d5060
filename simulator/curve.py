"""Curves of the projected plane: splines, positions along them, smoothing."""

from __future__ import annotations

import itertools
import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence

from simulator.geo import Point, ground_scale


class Baseline:
    """A smooth line through waypoints, measured in metres on the ground."""

    def __init__(self, waypoints: Sequence[Point], spacing_m: float = 250.0) -> None:
        self._points = _catmull_rom(waypoints, spacing_m)
        self._along = array("d", [0.0])
        for a, b in itertools.pairwise(self._points):
            step = math.dist(a, b) * ground_scale((a.y + b.y) / 2)
            self._along.append(self._along[-1] + step)
        self.length_m = self._along[-1]

    def place(self, along_m: float, left_m: float) -> Point:
        """The point ``left_m`` metres to the left of the line at ``along_m``."""
        along = min(max(along_m, 0.0), self.length_m)
        index = min(bisect_right(self._along, along), len(self._along) - 1)
        a, b = self._points[index - 1], self._points[index]
        span = self._along[index] - self._along[index - 1]
        share = (along - self._along[index - 1]) / span if span else 0.0
        # Blending the directions of three neighbouring chords keeps an offset line
        # free of steps where two chords meet.
        before = self._direction(index - 1)
        here = self._direction(index)
        after = self._direction(index + 1)
        dx = here[0] + before[0] * (1 - share) + after[0] * share
        dy = here[1] + before[1] * (1 - share) + after[1] * share
        norm = math.hypot(dx, dy) or 1.0
        x, y = a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share
        left = left_m / ground_scale(y)
        return Point(x - dy / norm * left, y + dx / norm * left)

    def _direction(self, index: int) -> tuple[float, float]:
        index = min(max(index, 1), len(self._points) - 1)
        a, b = self._points[index - 1], self._points[index]
        length = math.dist(a, b) or 1.0
        return (b.x - a.x) / length, (b.y - a.y) / length


def _catmull_rom(waypoints: Sequence[Point], spacing_m: float) -> list[Point]:
    """Centripetal Catmull-Rom spline: passes every waypoint, never loops.

    Source: Yuksel, Schaefer, Keyser, "On the Parameterization of Catmull-Rom Curves"
    (2009), in the Barry-Goldman form.
    """
    first, last = waypoints[0], waypoints[-1]
    second, before_last = waypoints[1], waypoints[-2]
    padded = [
        Point(2 * first.x - second.x, 2 * first.y - second.y),
        *waypoints,
        Point(2 * last.x - before_last.x, 2 * last.y - before_last.y),
    ]
    line = [first]
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts = max(2, math.ceil(math.dist(p1, p2) / spacing_m))
        line.extend(
            _spline_point(p0, p1, p2, p3, part / parts) for part in range(1, parts + 1)
        )
    return line


def _spline_point(p0: Point, p1: Point, p2: Point, p3: Point, share: float) -> Point:
    t0 = 0.0
    t1 = t0 + math.sqrt(math.dist(p0, p1))
    t2 = t1 + math.sqrt(math.dist(p1, p2))
    t3 = t2 + math.sqrt(math.dist(p2, p3))
    t = t1 + (t2 - t1) * share

    def blend(a: Point, b: Point, start: float, end: float) -> Point:
        weight = (t - start) / (end - start)
        return Point(a.x + (b.x - a.x) * weight, a.y + (b.y - a.y) * weight)

    a1, a2, a3 = blend(p0, p1, t0, t1), blend(p1, p2, t1, t2), blend(p2, p3, t2, t3)
    b1, b2 = blend(a1, a2, t0, t2), blend(a2, a3, t1, t3)
    return blend(b1, b2, t1, t2)


def smooth(line: Sequence[Point], half_widths: Sequence[int]) -> list[Point]:
    """Moving average with a half width (in points) of its own at each point.

    The ends stay where they are: windows shrink towards them.
    """
    xs = list(itertools.accumulate((point.x for point in line), initial=0.0))
    ys = list(itertools.accumulate((point.y for point in line), initial=0.0))
    last = len(line) - 1
    out = []
    for index, wanted in enumerate(half_widths):
        half = min(wanted, index, last - index)
        low, high = index - half, index + half + 1
        count = high - low
        out.append(Point((xs[high] - xs[low]) / count, (ys[high] - ys[low]) / count))
    return out
