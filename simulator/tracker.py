"""What a tracker reports: fixes with GPS errors, on a schedule, some of them late."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from simulator.fleet import WireFormat
from simulator.geo import Place, offset
from simulator.truck import Motion, Mover, advance

PARKED_INTERVAL_S = 300
"""A parked tracker reports this rarely: often enough not to count as silent."""

MOVING_MS = 0.6

Attributes = dict[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class Fix:
    """One timed position as a device stores it.

    ``timestamp`` in whole Unix seconds; degrees WGS 84; m/s; degrees from north;
    metres. ``course_deg`` is None where the device stands and cannot know it.
    """

    device_id: str
    timestamp: int
    latitude: float
    longitude: float
    speed_ms: float
    course_deg: float | None
    accuracy_m: float
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Sample:
    """A fix and what the world does to it.

    ``online``: the device has coverage at that moment. ``ack_lost``: the answer to
    the first request that carries it never arrives, so the device sends it again.
    """

    fix: Fix
    online: bool
    ack_lost: bool


@dataclass(slots=True)
class GpsError:
    """Correlated position error: an Ornstein-Uhlenbeck walk per axis, in metres."""

    rng: Random
    east_m: float = 0.0
    north_m: float = 0.0
    accuracy_m: float = field(default=5.0)

    def advance(self, seconds: float, *, city: bool) -> None:
        """Let the error drift; between tall houses it is larger and jumps."""
        spread = 7.0 if city else 2.5
        keep = math.exp(-seconds / 45.0)
        fresh = spread * math.sqrt(1 - keep * keep)
        self.east_m = self.east_m * keep + fresh * self.rng.gauss(0.0, 1.0)
        self.north_m = self.north_m * keep + fresh * self.rng.gauss(0.0, 1.0)
        reflected = city and self.rng.random() < 0.01
        if reflected:
            self.east_m += self.rng.gauss(0.0, 25.0)
            self.north_m += self.rng.gauss(0.0, 25.0)
        self.accuracy_m = spread * self.rng.uniform(1.2, 2.2) * (3 if reflected else 1)

    def apply(self, place: Place) -> Place:
        """A place as the receiver sees it."""
        return offset(
            place,
            self.east_m + self.rng.gauss(0.0, 0.6),
            self.north_m + self.rng.gauss(0.0, 0.6),
        )


@dataclass(slots=True)
class Power:
    """Supply of a tracker: the truck's 24 V, or a phone's own battery."""

    rng: Random
    phone: bool
    charge: float = 0.0

    def __post_init__(self) -> None:
        self.charge = self.rng.uniform(0.35, 1.0)

    def report(self, seconds: float, *, ignition: bool) -> Attributes:
        """Attributes after ``seconds`` with the engine on or off."""
        if self.phone:
            rate = 1 / 7_200 if ignition else -1 / 50_000
            self.charge = min(max(self.charge + rate * seconds, 0.05), 1.0)
            return {"battery_level": round(self.charge, 2), "charging": ignition}
        volts = (27.9 if ignition else 25.1) + self.rng.gauss(0.0, 0.12)
        return {"power_v": round(volts, 2)}


def samples(
    device_id: str,
    wire_format: WireFormat,
    mover: Mover,
    *,
    seed: str,
    start: int,
    interval_s: int,
    speedup: float,
) -> Iterator[Sample]:
    """Yield what a device records, for ever, without any input or output.

    The same arguments give the same samples. Time stamps follow the wall clock from
    ``start``; the truck lives ``speedup`` times faster, so one second of wall time
    moves it by ``speedup`` seconds of driving.

    Args:
        start: Unix seconds of the first moment.
        interval_s: seconds of wall time between two fixes of a truck in use.
    """
    rng = Random(f"tracker|{seed}|{device_id}")
    error = GpsError(rng)
    power = Power(rng, phone=wire_format in ("osmand", "traccar-json"))
    clock = start + rng.randrange(interval_s)
    elapsed = float(clock - start)
    last_sent: int | None = None
    last_ignition: bool | None = None
    while True:
        motion = advance(mover, elapsed * speedup)
        error.advance(elapsed, city=motion.city)
        parked = not motion.ignition and motion.speed_ms == 0.0
        due = last_sent is None or clock - last_sent >= PARKED_INTERVAL_S
        if not parked or due or motion.ignition != last_ignition:
            since = float(clock - last_sent) if last_sent is not None else 0.0
            supply = power.report(since, ignition=motion.ignition)
            fix = _observe(device_id, clock, motion, error, supply)
            yield Sample(fix, motion.covered, ack_lost=rng.random() < 0.004)
            last_sent, last_ignition = clock, motion.ignition
        clock += interval_s
        elapsed = float(interval_s)


def _observe(
    device_id: str, clock: int, motion: Motion, error: GpsError, supply: Attributes
) -> Fix:
    rng = error.rng
    place = error.apply(motion.place)
    moving = motion.speed_ms > MOVING_MS
    # Heading is taken from movement, so it gets worse as the truck gets slower.
    spread = min(2.0 + 12.0 / max(motion.speed_ms, 0.5), 30.0)
    course = (motion.course_deg + rng.gauss(0.0, spread)) % 360.0
    speed = abs(motion.speed_ms + rng.gauss(0.0, 0.25)) if moving else 0.0
    return Fix(
        device_id=device_id,
        timestamp=clock,
        latitude=round(place.latitude, 6),
        longitude=round(place.longitude, 6),
        speed_ms=round(speed, 2),
        course_deg=round(course, 1) % 360.0 if moving else None,
        accuracy_m=round(error.accuracy_m, 1),
        attributes={
            "ignition": motion.ignition,
            "motion": moving,
            "activity": motion.activity,
            "odometer_m": round(motion.odometer_m),
            "satellites": rng.randint(6, 10) if motion.city else rng.randint(9, 14),
            **supply,
        },
    )
