"""What trackers record is reproducible, plausible, and honest about time."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from simulator.fleet import Vehicle, parse_fleet
from simulator.geo import Place, distance_m
from simulator.scene import DEFAULT_DEPOT, Scene
from simulator.tests.conftest import MUMBAI, PUNE, row
from simulator.tracker import PARKED_INTERVAL_S, GpsError, Sample, samples
from simulator.truck import StandingTruck
from simulator.wire import compact, native_row

START = 1_790_000_000
ROOT = Path(__file__).resolve().parents[2]


def one(scene: Scene, seconds: int = 3_600, **changes: Any) -> list[Sample]:
    speedup = changes.pop("speedup", 1.0)
    (vehicle,) = parse_fleet({"vehicles": [row(0, **changes)]})
    recorded = scene.samples(vehicle, start=START, interval_s=10, speedup=speedup)
    return hour(recorded, START + seconds)


def hour(recorded: Iterator[Sample], end: float) -> list[Sample]:
    return list(itertools.takewhile(lambda s: s.fix.timestamp < end, recorded))


def place(sample: Sample) -> Place:
    return Place(sample.fix.latitude, sample.fix.longitude)


def as_bytes(vehicles: list[Vehicle], seed: int) -> bytes:
    scene = Scene(vehicles, seed)
    lines: list[bytes] = []
    for vehicle in vehicles:
        recorded = scene.samples(vehicle, start=START, interval_s=10, speedup=1.0)
        lines.extend(
            compact([native_row(s.fix), s.online, s.ack_lost])
            for s in hour(recorded, START + 1_800)
        )
    return b"\n".join(lines)


def test_the_same_seed_gives_the_same_bytes(vehicles: list[Vehicle]) -> None:
    first = as_bytes(vehicles, seed=7)
    assert first == as_bytes(vehicles, seed=7)
    assert first != as_bytes(vehicles, seed=8)
    assert len(first) > 50_000


def test_the_same_seed_gives_the_same_bytes_in_another_process(
    fleet_file: Path,
) -> None:
    command = [sys.executable, "-m", "simulator", "track", "--vehicle", "device-0"]
    command += ["--fleet", str(fleet_file), "--format", "ndjson"]
    outputs = {
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_other_vehicles_do_not_change_a_vehicles_fixes(scene: Scene) -> None:
    many = Scene(parse_fleet({"vehicles": [row(n) for n in range(3)]}), seed=7)
    assert one(scene, 600) == one(many, 600)


def test_time_stamps_follow_the_interval_from_the_start(scene: Scene) -> None:
    stamps = [sample.fix.timestamp for sample in one(scene, 900)]
    assert START <= stamps[0] < START + 10
    assert {b - a for a, b in itertools.pairwise(stamps)} == {10}


def test_fixes_are_near_the_road_but_never_on_it(scene: Scene) -> None:
    (vehicle,) = parse_fleet({"vehicles": [row(0)]})
    assert vehicle.source is not None and vehicle.destination is not None
    road = scene.road(vehicle.source, vehicle.destination)
    assert road is not None
    vertices = zip(road.latitudes, road.longitudes, strict=True)
    line = [Place(*vertex) for vertex in vertices]
    off = [min(distance_m(place(s), p) for p in line) for s in one(scene, 200)]
    assert 0 < sum(off) / len(off) < 25
    assert max(off) < 60


def test_speed_and_positions_agree(scene: Scene) -> None:
    recorded = one(scene, 1_800)
    driven = sum(
        distance_m(place(a), place(b)) for a, b in itertools.pairwise(recorded)
    )
    told = sum(sample.fix.speed_ms * 10 for sample in recorded)
    assert driven == pytest.approx(told, rel=0.1)


def test_speed_up_moves_the_truck_but_not_the_clock(scene: Scene) -> None:
    slow, fast = one(scene, 300), one(scene, 300, speedup=8.0)
    assert [s.fix.timestamp for s in slow] == [s.fix.timestamp for s in fast]
    assert max(s.fix.speed_ms for s in fast) < 26
    start = place(slow[0])
    assert distance_m(start, place(fast[-1])) > 3 * distance_m(start, place(slow[-1]))


def test_coverage_is_lost_and_comes_back(scene: Scene) -> None:
    online = [sample.online for sample in one(scene, 20_000)]
    changes = sum(a != b for a, b in itertools.pairwise(online))
    assert changes >= 2
    assert 0.02 < online.count(False) / len(online) < 0.4


def test_some_acknowledgements_get_lost(scene: Scene) -> None:
    lost = [sample.ack_lost for sample in one(scene, 40_000)]
    assert 0 < lost.count(True) < 0.02 * len(lost)


def test_a_parked_tracker_reports_rarely_but_is_not_silent(scene: Scene) -> None:
    recorded = one(scene, 7_200, state=None)
    gaps = [b.fix.timestamp - a.fix.timestamp for a, b in itertools.pairwise(recorded)]
    assert recorded[0].fix.timestamp < START + 10
    assert set(gaps) == {PARKED_INTERVAL_S}
    assert {s.fix.speed_ms for s in recorded} == {0.0}
    assert {s.fix.course_deg for s in recorded} == {None}
    assert {s.fix.attributes["ignition"] for s in recorded} == {False}


def test_a_change_of_ignition_is_reported_at_once(scene: Scene) -> None:
    recorded = one(scene, 20_000, state="on_hold")
    for before, after in itertools.pairwise(recorded):
        gap = after.fix.timestamp - before.fix.timestamp
        running = after.fix.attributes["ignition"]
        assert gap <= (10 if running and before.fix.attributes["ignition"] else 300)
    assert {s.fix.attributes["ignition"] for s in recorded} == {True, False}


@pytest.mark.parametrize(
    ("state", "near"),
    [
        ("assigned", MUMBAI),
        ("planned", MUMBAI),
        ("delivered", PUNE),
        ("cancelled", MUMBAI),
    ],
)
def test_a_vehicle_stands_where_its_state_says(
    scene: Scene, state: str, near: dict[str, Any]
) -> None:
    first = one(scene, 30, state=state)[0]
    assert distance_m(place(first), Place(near["latitude"], near["longitude"])) < 300


def test_a_held_vehicle_stands_on_its_lane(scene: Scene) -> None:
    spots = {round(place(s).latitude, 3) for s in one(scene, 3_600, state="on_hold")}
    first = place(one(scene, 30, state="on_hold")[0])
    assert len(spots) <= 3
    assert distance_m(first, Place(19.10, 72.88)) > 2_000
    assert distance_m(first, Place(18.60, 73.80)) > 2_000


def test_vehicles_in_transit_start_all_along_the_lane(scene: Scene) -> None:
    starts = [
        distance_m(Place(19.10, 72.88), place(one(scene, 30, device_id=f"d{n}")[0]))
        for n in range(12)
    ]
    assert max(starts) - min(starts) > 40_000


def test_vehicles_in_transit_start_with_coverage(scene: Scene) -> None:
    firsts = [one(scene, 30, device_id=f"d{number}")[0] for number in range(60)]
    assert all(first.online for first in firsts)


def test_a_lane_without_length_is_waited_at(scene: Scene) -> None:
    recorded = one(scene, 600, destination=MUMBAI)
    assert distance_m(place(recorded[-1]), Place(19.10, 72.88)) < 300


@pytest.mark.parametrize("state", ["in_transit", "on_hold"])
def test_a_trip_with_an_unlocated_end_waits_at_the_other(
    scene: Scene, state: str
) -> None:
    recorded = one(scene, 600, state=state, destination=None)
    assert distance_m(place(recorded[-1]), Place(19.10, 72.88)) < 300


def test_vehicles_without_a_place_use_the_fleets_yards() -> None:
    free = row(1, state=None, source=None, destination=None)
    with_others = Scene(parse_fleet({"vehicles": [row(0), free]}), seed=1)
    alone = Scene(parse_fleet({"vehicles": [free]}), seed=1)
    (vehicle,) = parse_fleet({"vehicles": [free]})

    def first(scene: Scene) -> Place:
        return place(next(scene.samples(vehicle, start=0, interval_s=10, speedup=1)))

    assert distance_m(first(alone), DEFAULT_DEPOT) < 300
    yards = (Place(19.10, 72.88), Place(18.60, 73.80))
    assert min(distance_m(first(with_others), yard) for yard in yards) < 300


def test_gps_errors_are_correlated_and_worse_in_towns() -> None:
    def errors(city: bool) -> list[tuple[float, float]]:
        error = GpsError(Random(4))
        out = []
        for _ in range(2_000):
            error.advance(5.0, city=city)
            out.append((error.east_m, error.north_m))
        return out

    def spread(values: list[tuple[float, float]]) -> float:
        return sum(abs(x) + abs(y) for x, y in values) / len(values)

    road, town = errors(city=False), errors(city=True)
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(road)]
    assert spread(town) > 2 * spread(road) > 2
    assert spread(steps) < spread(road)


def test_a_phones_battery_drains_without_the_engine() -> None:
    truck = StandingTruck(Place(19, 73), "parked", 0.0, Random(1), idles=False)
    recorded = samples(
        "p", "osmand", truck, seed="1", start=START, interval_s=10, speedup=1
    )
    levels = [
        float(sample.fix.attributes["battery_level"])
        for sample in hour(recorded, START + 30_000)
    ]
    assert levels[0] > levels[-1] >= 0.05
    assert all(a >= b for a, b in itertools.pairwise(levels))


def test_fixes_serialise_to_plain_json(scene: Scene) -> None:
    fix = one(scene, 30)[0].fix
    assert json.loads(compact(native_row(fix)))["device_id"] == "device-0"
