"""How a truck drives: a pure model, advanced in steps of simulated time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

from simulator.geo import Place
from simulator.road import BRAKING_MS2, KMH, Road

Activity = Literal[
    "driving", "toll", "break", "loading", "unloading", "held", "waiting", "parked"
]

_CRAWL_MS = 1.0
_ARRIVED_M = 1.0
_HARDEST_BRAKING_MS2 = 1.2


@dataclass(frozen=True, slots=True)
class Motion:
    """What is true of a truck at one moment, before any GPS error.

    ``speed_ms`` in m/s, ``course_deg`` clockwise from north, ``odometer_m`` in metres.
    """

    place: Place
    speed_ms: float
    course_deg: float
    odometer_m: float
    activity: Activity
    ignition: bool
    city: bool
    covered: bool


class Mover(Protocol):
    """Anything a tracker can be fitted to."""

    def step(self, dt_s: float) -> None:
        """Advance by ``dt_s`` seconds of simulated time."""

    def motion(self) -> Motion:
        """The present moment."""


@dataclass(frozen=True, slots=True)
class _Halt:
    """A planned stop: where (metres), what, how long (s), engine running or not."""

    at_m: float
    activity: Activity
    lasts_s: float
    ignition: bool


class StandingTruck:
    """A truck that stays where it is; its engine idles from time to time."""

    def __init__(
        self,
        place: Place,
        activity: Activity,
        course_deg: float,
        rng: Random,
        *,
        idles: bool,
    ) -> None:
        self._place = place
        self._activity: Activity = activity
        self._course = course_deg
        self._rng = rng
        self._idles = idles
        self._ignition = False
        self._next_change_s = rng.uniform(60, 1_800)
        self._odometer_m = rng.uniform(2e7, 5e8)

    def step(self, dt_s: float) -> None:
        """Let time pass; switch the engine on or off when its time has come."""
        self._next_change_s -= dt_s
        if self._idles and self._next_change_s <= 0:
            self._ignition = not self._ignition
            longest = 600 if self._ignition else 5_400
            self._next_change_s = self._rng.uniform(120, longest)

    def motion(self) -> Motion:
        """The present moment."""
        return Motion(
            self._place,
            0.0,
            self._course,
            self._odometer_m,
            self._activity,
            self._ignition,
            city=True,
            covered=True,
        )


class DrivingTruck:
    """A truck that shuttles on its lane: drive, unload, drive back, load, again.

    It stops at toll plazas and for breaks, follows the road's limits below its
    driver's own cruising speed, and is slowed by traffic.
    """

    def __init__(self, road: Road, back: Road, start_m: float, rng: Random) -> None:
        self._roads = (road, back)
        self._outbound = True
        self._rng = rng
        self._cruise_ms = rng.uniform(60, 79) * KMH
        self._eagerness = rng.uniform(0.8, 1.15)
        self._traffic = 0.0
        self._odometer_m = rng.uniform(2e7, 5e8)
        self._at_m = start_m
        self._halt: _Halt | None = None
        self._halt_left_s = 0.0
        self._halts = self._plan_halts(start_m)
        self._next = next(self._halts)
        self._speed_ms = min(
            self._cruise_ms * 0.9,
            self._road.limit_ms(start_m),
            _stopping_speed(self._next.at_m - start_m),
        )

    @property
    def _road(self) -> Road:
        return self._roads[0] if self._outbound else self._roads[1]

    def _plan_halts(self, start_m: float) -> Iterator[_Halt]:
        """Toll plazas and breaks ahead, in order, ending with the lane's end."""
        road, rng = self._road, self._rng
        halts = [
            _Halt(toll, "toll", lasts, True)
            for toll in road.tolls
            if toll > start_m + 300
            for lasts in (_toll_seconds(rng),)
        ]
        at = start_m + rng.uniform(20_000, 150_000)
        while at < road.length_m - 15_000:
            halts.append(_Halt(at, "break", rng.uniform(600, 1_800), False))
            at += rng.uniform(110_000, 190_000)
        halts.sort(key=lambda halt: halt.at_m)
        yield from halts
        activity: Activity = "unloading" if self._outbound else "loading"
        yield _Halt(road.length_m, activity, rng.uniform(1_500, 4_500), False)

    def step(self, dt_s: float) -> None:
        """Advance by ``dt_s`` seconds of simulated time."""
        if self._halt is not None:
            self._stand(self._halt, dt_s)
            return
        self._drift_traffic(dt_s)
        gap = self._next.at_m - self._at_m
        # Over a long step the end speed counts, so it is taken a step ahead.
        ahead = self._at_m + self._speed_ms * dt_s * 0.5
        wanted = min(
            self._cruise_ms * (1 + self._traffic),
            self._road.limit_ms(ahead) * (1 + min(self._traffic, 0.0)),
            _stopping_speed(gap - self._speed_ms * dt_s * 0.5),
        )
        self._speed_ms = self._toward(max(wanted, _CRAWL_MS), dt_s)
        moved = min(self._speed_ms * dt_s, gap)
        self._at_m += moved
        self._odometer_m += moved
        if gap - moved <= _ARRIVED_M:
            self._halt = self._next
            self._halt_left_s = self._next.lasts_s
            self._speed_ms = 0.0

    def _stand(self, halt: _Halt, dt_s: float) -> None:
        self._halt_left_s -= dt_s
        if self._halt_left_s > 0:
            return
        self._halt = None
        if halt.activity in ("unloading", "loading"):
            self._outbound = not self._outbound
            self._at_m = 0.0
            self._halts = self._plan_halts(0.0)
        else:
            self._at_m = halt.at_m
        self._next = next(self._halts)

    def _toward(self, wanted_ms: float, dt_s: float) -> float:
        if wanted_ms < self._speed_ms:
            return max(wanted_ms, self._speed_ms - _HARDEST_BRAKING_MS2 * dt_s)
        # A loaded truck pulls away at about 0.6 m/s2 and has little left at speed.
        pull = self._eagerness * max(0.6 - self._speed_ms * 0.02, 0.12)
        return min(wanted_ms, self._speed_ms + pull * dt_s)

    def _drift_traffic(self, dt_s: float) -> None:
        """Traffic as a mean-reverting random walk, heavier in towns."""
        city = self._road.in_city(self._at_m)
        spread, mean, memory_s = (0.16, -0.22, 60.0) if city else (0.05, -0.04, 180.0)
        keep = math.exp(-dt_s / memory_s)
        shake = spread * math.sqrt(1 - keep * keep) * self._rng.gauss(0.0, 1.0)
        drifted = mean + (self._traffic - mean) * keep + shake
        self._traffic = min(max(drifted, -0.8), 0.06)

    def motion(self) -> Motion:
        """The present moment."""
        road = self._road
        halt = self._halt
        return Motion(
            road.place(self._at_m),
            self._speed_ms,
            road.course_deg(self._at_m),
            self._odometer_m,
            "driving" if halt is None else halt.activity,
            halt is None or halt.ignition,
            road.in_city(self._at_m),
            not road.in_shadow(self._at_m),
        )


def _stopping_speed(gap_m: float) -> float:
    """The speed from which comfortable braking ends after ``gap_m`` metres."""
    return math.sqrt(2 * BRAKING_MS2 * max(gap_m, 0.0))


def _toll_seconds(rng: Random) -> float:
    """Most trucks pass a plaza with an electronic tag; some meet a queue."""
    return rng.uniform(90, 300) if rng.random() < 0.2 else rng.uniform(6, 30)


def advance(mover: Mover, seconds: float) -> Motion:
    """Advance in steps fine enough for braking and return the new moment."""
    step = min(max(seconds / 20, 0.5), 4.0)
    left = seconds
    while left > 1e-9:
        mover.step(min(step, left))
        left -= step
    return mover.motion()
