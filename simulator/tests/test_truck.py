"""Trucks accelerate, brake, stop and return as trucks do."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from simulator.fleet import Stop
from simulator.geo import Place, distance_m
from simulator.road import HIGHWAY_LIMIT_MS, Road
from simulator.scene import Scene
from simulator.truck import DrivingTruck, Motion, StandingTruck, advance

ENDS = (Stop("Mumbai", Place(19.10, 72.88)), Stop("Pune", Place(18.60, 73.80)))


@pytest.fixture(scope="module")
def lane(scene: Scene) -> tuple[Road, Road]:
    road, back = scene.road(*ENDS), scene.road(*ENDS[::-1])
    assert road is not None and back is not None
    return road, back


def drive(lane: tuple[Road, Road], seconds: int, seed: int = 1) -> list[Motion]:
    truck = DrivingTruck(*lane, 20_000.0, Random(seed))
    return [advance(truck, 1.0) for _ in range(seconds)]


@pytest.mark.parametrize("seed", range(4))
def test_speed_changes_as_a_loaded_truck_can(
    lane: tuple[Road, Road], seed: int
) -> None:
    journey = drive(lane, 4_000, seed)
    speeds = [moment.speed_ms for moment in journey]

    assert max(speeds) <= HIGHWAY_LIMIT_MS * 1.06
    assert max(speeds) > 55 / 3.6
    gains = [b - a for a, b in itertools.pairwise(speeds)]
    assert max(gains) <= 0.75
    # The last metres to a halt are taken at walking pace.
    assert min(gains) >= -2.0


def test_a_truck_moves_by_its_speed(lane: tuple[Road, Road]) -> None:
    for before, after in itertools.pairwise(drive(lane, 1_000)):
        moved = distance_m(before.place, after.place)
        assert moved <= max(before.speed_ms, after.speed_ms) + 1.0


def test_a_day_has_tolls_breaks_unloading_and_loading(
    lane: tuple[Road, Road],
) -> None:
    truck = DrivingTruck(*lane, 20_000.0, Random(3))
    seen = [advance(truck, 10.0) for _ in range(8_640)]

    assert {moment.activity for moment in seen} == {
        "driving",
        "toll",
        "break",
        "unloading",
        "loading",
    }
    for moment in seen:
        if moment.activity != "driving":
            assert moment.speed_ms == 0
            assert moment.ignition == (moment.activity == "toll")
    unloading = next(m for m in seen if m.activity == "unloading")
    loading = next(m for m in seen if m.activity == "loading")
    assert distance_m(unloading.place, ENDS[1].place) < 10
    assert distance_m(loading.place, ENDS[0].place) < 10
    assert all(a.odometer_m <= b.odometer_m for a, b in itertools.pairwise(seen))
    assert any(not moment.covered for moment in seen)


def test_traffic_makes_speed_vary(lane: tuple[Road, Road]) -> None:
    speeds = {round(m.speed_ms * 3.6) for m in drive(lane, 3_000) if m.speed_ms > 8}
    assert len(speeds) > 15


def test_long_steps_drive_the_same_road(lane: tuple[Road, Road]) -> None:
    truck = DrivingTruck(*lane, 20_000.0, Random(5))
    far = advance(truck, 600.0)
    assert 4_000 < distance_m(lane[0].place(20_000.0), far.place) < 14_000


def test_a_standing_truck_idles_now_and_then() -> None:
    here = Place(19.1, 72.9)
    truck = StandingTruck(here, "held", 90.0, Random(1), idles=True)
    day = [advance(truck, 60.0) for _ in range(1_440)]

    assert {moment.ignition for moment in day} == {True, False}
    assert {moment.place for moment in day} == {here}
    assert {moment.speed_ms for moment in day} == {0.0}


def test_a_parked_truck_keeps_its_engine_off() -> None:
    truck = StandingTruck(Place(19.1, 72.9), "parked", 0.0, Random(1), idles=False)
    assert not any(advance(truck, 600.0).ignition for _ in range(300))
