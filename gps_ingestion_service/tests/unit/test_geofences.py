"""Geofences: their shapes, what their crossing says, and how they are set."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.driving import LATITUDE, LONGITUDE, after, at
from support.service import ADMIN, Service

from gps_ingestion_service.database import Connection
from gps_ingestion_service.facts.fold import Fold, State
from gps_ingestion_service.facts.model import Fact, Kind, Rules, Sample
from gps_ingestion_service.geofences.index import Fence, FenceIndex
from gps_ingestion_service.geofences.shapes import Circle, Polygon, Shape

DEPOT = Circle(LATITUDE, LONGITUDE, 100)
# An L of a kilometre, with its notch in the north-east.
L_SHAPE = Polygon(
    ((0.0, 0.0), (0.0, 0.01), (0.005, 0.01), (0.005, 0.005), (0.01, 0.005), (0.01, 0.0))
)


def fence(shape: Shape = DEPOT, **values: Any) -> Fence:
    defaults = {"geofence_id": "depot", "valid_from": after(0)}
    return Fence(shape=shape, **{**defaults, **values})


def visits(samples: Iterable[Sample], *fences: Fence) -> list[Fact]:
    """The facts of geofences, those that have ended first."""
    fold = Fold(State(), Rules(), FenceIndex(fences))
    for sample in samples:
        fold.take(sample)
    facts = [*fold.ended, *fold.lasting()]
    return [fact for fact in facts if fact.kind is Kind.GEOFENCE]


def test_a_visit_lasts_from_the_first_fix_inside_to_the_first_outside() -> None:
    (visit,) = visits([at(0, -500), at(10, 0), at(20, 90), at(30, 500)], fence())
    assert (visit.started_at, visit.ended_at) == (after(10), after(30))
    assert (visit.subject, visit.data) == ("depot", {"dwelled": False})


def test_a_truck_at_the_border_makes_one_visit() -> None:
    border = [at(0, -500), *(at(10 + step, 95 + step % 2 * 20) for step in range(20))]
    (visit,) = visits(border, fence(hysteresis_m=30))
    assert visit.ended_at is None
    assert len(visits(border, fence(hysteresis_m=0))) == 10


def test_to_stay_long_is_said_while_it_lasts() -> None:
    lasting = [at(0), at(299), at(301)]
    dwell = fence(dwell=timedelta(minutes=5))
    assert visits(lasting[:2], dwell)[0].data == {"dwelled": False}
    assert visits(lasting, dwell)[0].data == {"dwelled": True}


def test_a_geofence_says_nothing_of_the_time_before_it_was_set() -> None:
    (visit,) = visits([at(0), at(100), at(200)], fence(valid_from=after(100)))
    assert visit.started_at == after(100)


def test_a_visit_ends_when_its_geofence_is_taken_away() -> None:
    (visit,) = visits([at(0), at(100)], fence(valid_until=after(50)))
    assert visit.ended_at == after(100)


def test_a_visit_goes_on_in_the_next_version_if_that_still_holds_it() -> None:
    wider = fence(Circle(LATITUDE, LONGITUDE, 900), valid_from=after(50))
    (visit,) = visits([at(0), at(100, 300)], fence(valid_until=after(50)), wider)
    assert (visit.started_at, visit.ended_at) == (after(0), None)


def test_a_geofence_of_one_vehicle_is_none_for_another() -> None:
    mine = fence(vehicle_identifier="MH2")
    assert not visits([at(0, vehicle="MH1")], mine)
    assert visits([at(0, vehicle="MH2")], mine)


def test_at_a_depot_a_truck_meets_its_own_geofences_only() -> None:
    depot = fence()
    trucks = [
        fence(geofence_id=f"trip/{number}", vehicle_identifier=f"MH{number}")
        for number in range(1000)
    ]
    index = FenceIndex([depot]).with_vehicles(trucks)
    assert index.around(LATITUDE, LONGITUDE, "MH7") == [depot, trucks[7]]
    assert index.around(LATITUDE, LONGITUDE, "none") == [depot]


def test_overlapping_geofences_are_told_apart() -> None:
    region = fence(Circle(LATITUDE, LONGITUDE, 90_000), geofence_id="region")
    subjects = {visit.subject for visit in visits([at(0)], fence(), region)}
    assert subjects == {"depot", "region"}


@pytest.mark.parametrize(
    ("latitude", "longitude", "outside_m"),
    [
        (0.002, 0.008, 0),
        (0.008, 0.002, 0),
        (0.008, 0.006, 111.195),
        (-0.001, 0.005, 111.195),
        (0.012, -0.002, 314.5),
    ],
)
def test_a_polygon_knows_inside_and_how_far_outside(
    latitude: float, longitude: float, outside_m: float
) -> None:
    assert L_SHAPE.outside_m(latitude, longitude) == pytest.approx(outside_m, abs=0.1)


def test_a_polygon_whose_last_point_repeats_the_first_is_the_same() -> None:
    closed = Polygon((*L_SHAPE.points, L_SHAPE.points[0]))
    assert closed.outside_m(0.008, 0.006) == L_SHAPE.outside_m(0.008, 0.006)


latitudes = st.floats(-89, 89)
longitudes = st.floats(-180, 180)


@given(latitudes, longitudes, st.floats(10, 500_000), st.floats(0, 1), st.floats(0, 6))
def test_the_index_finds_every_circle_that_a_place_is_in(
    latitude: float, longitude: float, radius_m: float, share: float, turn: float
) -> None:
    from math import cos, degrees, radians, sin

    circle = Circle(latitude, longitude, radius_m)
    reach = degrees(share * radius_m / 6_371_008.8)
    there = min(90.0, max(-90.0, latitude + reach * cos(turn)))
    shrink = max(cos(radians(there)), 0.01)
    beside = (longitude + reach * sin(turn) / shrink + 180) % 360 - 180
    found = FenceIndex([fence(circle)]).around(there, beside, "MH1")
    assert bool(found) or circle.outside_m(there, beside) > 0


def spec(version: int = 1, **values: Any) -> dict[str, Any]:
    shape = {"type": "circle", "latitude": 1, "longitude": 2, "radius_m": 100}
    return {"version": version, "shape": shape, **values}


async def put(
    service: Service, body: dict[str, Any], geofence_id: str = "depot"
) -> tuple[int, dict[str, Any]]:
    response = await service.client.put(
        f"/v1/geofences/{geofence_id}", json=body, headers=ADMIN
    )
    return response.status_code, response.json()


async def test_a_geofence_is_set_once_and_changed_by_a_higher_version(
    service: Service, db: Connection
) -> None:
    changes = await db.fetchval("SELECT count FROM geofence_changes")
    status, made = await put(service, spec(2, name="Depot", dwell_s=600))
    assert (status, made["name"], made["hysteresis_m"]) == (201, "Depot", 30.0)
    assert (await put(service, spec(2, name="Depot", dwell_s=600)))[0] == 200
    status, refused = await put(service, spec(2, name="Yard"))
    assert (status, refused["error"]["code"]) == (409, "version_conflict")
    status, refused = await put(service, spec(1))
    assert (status, refused["error"]["code"]) == (409, "stale_version")
    assert (await put(service, spec(3, name="Yard")))[0] == 200
    assert await db.fetchval("SELECT count FROM geofence_changes") == changes + 2
    versions = await db.fetch("SELECT * FROM geofence ORDER BY version")
    assert [record["version"] for record in versions] == [2, 3]
    assert versions[0]["valid_until"] == versions[1]["valid_from"]


async def test_geofences_are_listed_page_by_page(service: Service) -> None:
    points = [[0, 0], [0, 1], [1, 1]]
    polygon = spec(shape={"type": "polygon", "points": points}, enabled=False)
    await put(service, polygon, "b")
    await put(service, spec(), "a")
    params: dict[str, Any] = {"limit": 1}
    page = await service.client.get("/v1/geofences", params=params, headers=ADMIN)
    assert [item["geofence_id"] for item in page.json()["geofences"]] == ["a"]
    params["cursor"] = page.json()["next"]
    page = await service.client.get("/v1/geofences", params=params, headers=ADMIN)
    (second,) = page.json()["geofences"]
    assert (second["enabled"], second["shape"]["points"]) == (False, points)
    assert page.json()["next"] is None


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "circle", "latitude": 91, "longitude": 2, "radius_m": 100},
        {"type": "circle", "latitude": 1, "longitude": 2, "radius_m": 0},
        {"type": "circle", "latitude": 1, "longitude": True, "radius_m": 100},
        {"type": "polygon", "points": [[0, 0], [0, 1]]},
        {"type": "polygon", "points": [[0, -179], [0, 179], [1, 179]]},
        {"type": "square"},
    ],
)
async def test_a_shape_that_is_none_is_refused(
    service: Service, shape: dict[str, Any]
) -> None:
    status, refused = await put(service, spec(shape=shape))
    assert (status, refused["error"]["code"]) == (422, "invalid_request")


async def test_geofences_are_for_the_admin_only(service: Service) -> None:
    response = await service.client.put("/v1/geofences/depot", json=spec())
    assert response.status_code == 401
