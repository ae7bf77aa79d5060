"""Tracks, exports and days."""

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import cos, hypot, radians
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.service import ADMIN, GATEWAY, Service, row

from gps_ingestion_service.database import Connection
from gps_ingestion_service.history import endpoints
from gps_ingestion_service.history.simplify import simplify

DAY = datetime.now(UTC).date() - timedelta(days=10)
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
WHOLE = {
    "from": f"{DAY - timedelta(days=3)}T00:00:00Z",
    "to": f"{DAY + timedelta(days=3)}T00:00:00Z",
}


def at(time: datetime, **values: Any) -> dict[str, Any]:
    return row(device_id="one", **values) | {"timestamp": time.isoformat()}


async def get(service: Service, what: str, **params: Any) -> httpx.Response:
    return await service.client.get(
        f"/v1/devices/one/{what}", params=params, headers=ADMIN
    )


async def store(service: Service, *rows: dict[str, Any]) -> None:
    await service.provision("one")
    answer = await service.post(list(rows), GATEWAY)
    assert answer.json()["accepted"] == len(rows), answer.text


def drive(
    start: datetime, minutes: int, speed: float = 10.0, **values: Any
) -> list[dict[str, Any]]:
    """North at that speed in m/s, a fix a minute, the first one at ``start``."""
    step = speed * 60 / 111_195.0797
    return [
        at(
            start + timedelta(minutes=minute),
            latitude=18.0 + step * minute,
            longitude=73.0,
            speed=speed,
            **values,
        )
        for minute in range(minutes + 1)
    ]


async def test_a_straight_track_is_two_points(service: Service) -> None:
    await store(
        service, *drive(NOON, 20), at(NOON - timedelta(1), latitude=0, longitude=0)
    )
    track = (await get(service, "track", **WHOLE)).json()
    assert track["fixes"] == 21
    times = [point["timestamp"] for point in track["points"]]
    assert times == [
        f"{DAY}T12:00:00Z",
        f"{DAY}T12:20:00Z",
    ]
    everything = await get(service, "track", **WHOLE, tolerance_m=0)
    assert len(everything.json()["points"]) >= 2


@given(
    st.lists(
        st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
        min_size=1,
        max_size=40,
    ),
    st.floats(0, 2000),
)
def test_no_place_is_farther_from_the_simplified_track_than_allowed(
    places: list[tuple[float, float]], tolerance_m: float
) -> None:
    kept = simplify(places, tolerance_m)
    assert kept[0] == 0 and kept[-1] == len(places) - 1
    assert kept == sorted(set(kept))
    for first, last in zip(kept, kept[1:], strict=False):
        for index in range(first + 1, last):
            assert away_m(places, first, index, last) <= tolerance_m + 1


def away_m(
    places: list[tuple[float, float]], first: int, index: int, last: int
) -> float:
    """How far a place is from a stretch, by trying a thousand points of it."""
    start, end, place = places[first], places[last], places[index]
    scale = cos(radians(start[0]))

    def metres(share: float) -> float:
        north = start[0] + share * (end[0] - start[0]) - place[0]
        east = (start[1] + share * (end[1] - start[1]) - place[1]) * scale
        return 111_195.0 * hypot(north, east)

    step = metres(0) + metres(1)
    return min(metres(number / 1000) for number in range(1001)) - step / 1000


def test_a_track_over_the_date_line_is_short() -> None:
    assert simplify([(0, 179.99), (0, 180.0), (0, -179.99)], 5) == [0, 2]


def test_a_zigzag_that_loses_one_place_at_a_time_takes_no_longer_than_a_track() -> None:
    looks = 0

    class Counted(list[tuple[float, float]]):
        def __getitem__(self, index: Any) -> Any:
            nonlocal looks
            looks += 1
            return super().__getitem__(index)

    size = 1500
    places = Counted(
        (18.5 + index % 2 * 1e-4 * (1 - index / size), 73.8 + index * 1e-6)
        for index in range(size)
    )
    assert simplify(places, 0) == list(range(size))
    # Each look takes two coordinates of a place.
    assert looks < 2 * 150 * size


async def test_fixes_are_taken_while_a_track_is_simplified(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    def simplify_late(places: Sequence[tuple[float, float]], _: float) -> list[int]:
        posting = service.post([{**at(NOON), "device_id": "one"}], GATEWAY)
        asyncio.run_coroutine_threadsafe(posting, loop).result(timeout=60)
        return [0, len(places) - 1]

    monkeypatch.setattr(endpoints, "simplify", simplify_late)
    await store(service, *drive(NOON - timedelta(hours=1), 3))
    track = (await get(service, "track", **WHOLE)).json()
    assert len(track["points"]) == 2


async def test_geojson_has_a_point_for_every_fix(service: Service) -> None:
    await store(service, *drive(NOON, 2), at(NOON + timedelta(hours=1), altitude=5))
    response = await get(service, "export", **WHOLE)
    assert response.headers["content-type"] == "application/geo+json"
    assert "attachment" in response.headers["content-disposition"]
    collection = response.json()
    assert collection["type"] == "FeatureCollection"
    first, *_, last = collection["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [73.0, 18.0]}
    assert first["properties"]["timestamp"] == f"{DAY}T12:00:00Z"
    assert first["properties"]["vehicle_identifier"] == "MH12AB1234"
    assert last["geometry"]["coordinates"][2] == 5
    assert len(collection["features"]) == 4


async def test_csv_has_a_line_for_every_fix(service: Service) -> None:
    await store(service, at(NOON, attributes={"note": 'a "b", c'}))
    response = await get(service, "export", format="csv", **WHOLE)
    (line,) = csv.DictReader(io.StringIO(response.text))
    assert line["timestamp"] == f"{DAY}T12:00:00Z"
    assert (line["latitude"], line["speed"]) == ("18.5204", "")
    assert line["attributes"] == '{"note":"a \\"b\\", c"}'


async def test_an_export_is_longer_than_a_page(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    await db.execute(
        """
        INSERT INTO fix (device, fix_time, received_at, latitude, longitude)
        SELECT device.id, $1::timestamptz + n * interval '1 second', now(), 1, 2
        FROM device, generate_series(1, 4500) n
        """,
        NOON,
    )
    text = (await get(service, "export", format="csv", **WHOLE)).text
    times = [line["timestamp"] for line in csv.DictReader(io.StringIO(text))]
    assert len(times) == len(set(times)) == 4500
    assert times == sorted(times)


async def days(service: Service, time_zone: str = "UTC") -> list[dict[str, Any]]:
    response = await get(
        service,
        "days",
        **{"from": str(DAY - timedelta(2)), "to": str(DAY + timedelta(2))},
        time_zone=time_zone,
    )
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["days"]
    return found


async def test_a_day_has_its_way_its_driving_and_its_top_speed(
    service: Service,
) -> None:
    await store(service, *drive(NOON, 10, speed=20))
    (day,) = await days(service)
    assert day["day"] == str(DAY)
    assert day["fixes"] == 11
    assert day["distance_km"] == pytest.approx(12.0, rel=1e-4)
    assert day["driving_s"] == 600
    assert day["idling_s"] == 0
    assert day["max_speed_kmh"] == 72


async def test_standing_with_the_ignition_on_is_idling(service: Service) -> None:
    on, off = {"attributes": {"ignition": True}}, {"attributes": {"ignition": False}}
    minutes = (at(NOON + timedelta(minutes=n), speed=0, **on) for n in range(5))
    parked = (at(NOON + timedelta(minutes=n), speed=0, **off) for n in range(5, 9))
    await store(service, *minutes, *parked)
    (day,) = await days(service)
    assert (day["idling_s"], day["driving_s"], day["distance_km"]) == (240, 0, 0)


async def test_nobody_drove_while_nothing_was_heard(service: Service) -> None:
    later = drive(NOON + timedelta(hours=2), 1)
    await store(service, *drive(NOON, 1), *later)
    (day,) = await days(service)
    assert day["driving_s"] == 120


async def test_a_receiver_that_jumped_drove_nowhere(service: Service) -> None:
    far = at(NOON + timedelta(minutes=2), latitude=60, longitude=10, speed=10)
    await store(service, *drive(NOON, 1), far)
    (day,) = await days(service)
    assert day["distance_km"] == pytest.approx(0.6, rel=1e-3)


async def test_a_day_begins_at_midnight_of_the_zone(service: Service) -> None:
    late = datetime(DAY.year, DAY.month, DAY.day, 19, tzinfo=UTC)
    await store(service, at(NOON), at(late))
    assert [day["day"] for day in await days(service)] == [str(DAY)]
    zoned = await days(service, "Asia/Kolkata")
    assert [day["day"] for day in zoned] == [str(DAY), str(DAY + timedelta(1))]


@pytest.mark.parametrize(
    ("what", "params"),
    [
        ("track", {"from": WHOLE["to"], "to": WHOLE["from"]}),
        ("track", {"from": WHOLE["from"]}),
        ("track", {**WHOLE, "from": "0.5"}),
        ("positions", {"to": "1795428000"}),
        ("days", {"from": "0", "to": "86400"}),
        ("export", {"from": WHOLE["to"], "to": WHOLE["from"]}),
        ("export", {**WHOLE, "format": "gpx"}),
        ("days", {"from": "2026-11-02", "to": "2026-11-01"}),
        ("days", {"from": "2020-01-01", "to": "2026-11-01"}),
        ("days", {"from": "9999-12-30", "to": "9999-12-31"}),
        ("days", {"from": "2026-11-01", "to": "2026-11-02", "time_zone": "Mars/Rim"}),
        ("days", {"from": "2026-11-01", "to": "2026-11-02", "time_zone": "+5"}),
    ],
)
async def test_wrong_bounds_are_422(
    service: Service, what: str, params: dict[str, str]
) -> None:
    await service.provision("one")
    assert (await get(service, what, **params)).status_code == 422


async def test_a_track_of_too_many_fixes_is_422(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gps_ingestion_service.history.endpoints.MOST_FIXES", 2)
    await store(service, *drive(NOON, 2))
    response = await get(service, "track", **WHOLE)
    assert response.json()["error"]["code"] == "too_many_fixes"


@pytest.mark.parametrize("what", ["track", "export", "days"])
async def test_an_unknown_device_is_404(service: Service, what: str) -> None:
    bounds = WHOLE if what != "days" else {"from": str(DAY), "to": str(date.today())}
    assert (await get(service, what, **bounds)).status_code == 404
