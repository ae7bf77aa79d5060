"""Doubtful fixes are stored, said to be doubtful, and count for no kilometre."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.fix import Fix

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    "attributes",
    [{"mock": True}, {"mock": "true"}, {"mock": 1}, {"isMock": True}]
    + [{"is_mock": "1"}, {"mocked": "True"}, {"isFromMockProvider": True}],
)
def test_phones_say_in_their_own_words_that_a_location_is_made_up(
    attributes: dict[str, Any],
) -> None:
    assert Fix(fix_time=NOW, latitude=1, longitude=2, attributes=attributes).is_mock


@pytest.mark.parametrize(
    "attributes", [{}, {"mock": False}, {"mock": "no"}, {"isMock": None}, {"m": 1}]
)
def test_anything_else_is_taken_for_real(attributes: dict[str, Any]) -> None:
    fix = Fix(fix_time=NOW, latitude=1, longitude=2, attributes=attributes)
    assert not fix.is_mock


async def post(service: Service, path: str, **request: Any) -> None:
    token = await service.provision("one")
    answer = await service.client.post(path, headers=token, **request)
    assert answer.status_code == 200, answer.text


async def read(service: Service, path: str, **params: Any) -> Any:
    response = await service.client.get(path, params=params, headers=ADMIN)
    assert response.status_code == 200, response.text
    return response


PLACE = {"lat": 18.5, "lon": 73.8}
MESSAGES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/positions", {"json": {**row(), "isMock": True}}),
    ("/v1/osmand", {"params": {"id": "one", **PLACE, "mock": "true"}}),
    (
        "/v1/osmand",
        {
            "json": {
                "device_id": "one",
                "location": {
                    "timestamp": NOW.isoformat(),
                    "coords": {"latitude": 18.5, "longitude": 73.8},
                    "mock": True,
                },
            }
        },
    ),
    (
        "/v1/owntracks",
        {
            "json": {"_type": "location", **PLACE, "tst": int(NOW.timestamp())}
            | {"tid": "one", "mock": True}
        },
    ),
]


@pytest.mark.parametrize(("path", "request_"), MESSAGES)
async def test_a_mock_location_is_stored_and_flagged(
    service: Service, path: str, request_: dict[str, Any]
) -> None:
    await post(service, path, **request_)
    for place in ("/v1/devices/one/positions", "/v1/positions/last"):
        (position,) = (await read(service, place)).json()["positions"]
        assert position["flags"] == ["mock_location"]
    assert 'gps_fixes_flagged_total{flag="mock_location"} 1.0' in (
        await service.metrics()
    )


async def test_the_verdict_of_a_mock_location_says_so(service: Service) -> None:
    token = await service.provision("one")
    body = (await service.post([row(mock=True)], token)).json()
    verdict = body["results"][0]
    assert (verdict["status"], verdict["code"]) == ("accepted", "mock_location")


NO_LOCK: list[tuple[str, dict[str, Any]]] = [
    ("/v1/positions", {"json": row(latitude=9, valid=False)}),
    ("/v1/osmand", {"params": {"id": "one", **PLACE, "valid": "false"}}),
    (
        "/v1/traccar",
        {
            "json": {
                "device": {"uniqueId": "one"},
                "position": {
                    "fixTime": NOW.isoformat(),
                    "latitude": 9,
                    "longitude": 73,
                    "valid": False,
                },
            }
        },
    ),
]


@pytest.mark.parametrize(("path", "request_"), NO_LOCK)
async def test_a_fix_without_a_lock_is_history_and_nothing_else(
    service: Service, db: Connection, path: str, request_: dict[str, Any]
) -> None:
    token = await service.provision("one")
    await service.post([row(3600, latitude=18.5)], token)
    headers = GATEWAY if path == "/v1/traccar" else token
    answer = await service.client.post(path, headers=headers, **request_)
    assert answer.status_code == 200, answer.text
    history = await read(service, "/v1/devices/one/positions")
    assert [item["flags"] for item in history.json()["positions"]] == [[], ["no_lock"]]
    last = await read(service, "/v1/positions/last")
    assert [item["latitude"] for item in last.json()["positions"]] == [18.5]
    assert await db.fetchval("SELECT latitude FROM outbox") == 18.5
    days = {"from": f"{NOW - timedelta(1):%F}", "to": f"{NOW:%F}", "time_zone": "UTC"}
    found = (await read(service, "/v1/devices/one/days", **days)).json()["days"]
    assert sum(day["fixes"] for day in found) == 1


async def test_the_verdict_of_a_fix_without_a_lock_says_so(service: Service) -> None:
    token = await service.provision("one")
    body = (await service.post([row(valid=False), row(1, valid=True)], token)).json()
    assert [result.get("code") for result in body["results"]] == ["no_lock", None]
    assert 'gps_fixes_flagged_total{flag="no_lock"} 1.0' in await service.metrics()


async def test_a_fix_may_be_odd_in_several_ways_and_each_is_counted(
    service: Service,
) -> None:
    token = await service.provision("one")
    await service.post([row(mock=True, latitude=0, longitude=0)], token)
    page = await service.metrics()
    for flag in ("mock_location", "null_island"):
        assert f'gps_fixes_flagged_total{{flag="{flag}"}} 1.0' in page


async def test_a_jump_is_flagged_within_a_moment_and_seen_wherever_fixes_are(
    migrated_url: str, db: Connection
) -> None:
    async with in_process(settings_for(migrated_url, facts=True)) as service:
        await service.state.registry.load()
        await service.provision("one")
        places = [(30, 18.5), (20, 28.5), (10, 18.501)]
        rows = [row(age, device_id="one", latitude=north) for age, north in places]
        await service.post(rows, GATEWAY)

        async def flags() -> list[list[str]]:
            page = await read(service, "/v1/devices/one/positions")
            return [position["flags"] for position in page.json()["positions"]]

        async def told() -> bool:
            return await flags() == [[], ["impossible_jump"], []]

        await eventually(told, "the jump is flagged")
        whole = {
            "from": (NOW - timedelta(days=1)).isoformat(),
            "to": (NOW + timedelta(days=1)).isoformat(),
        }
        export = "/v1/devices/one/export"
        features = (await read(service, export, **whole)).json()["features"]
        assert features[1]["properties"]["flags"] == ["impossible_jump"]
        text = (await read(service, export, **whole, format="csv")).text
        lines = list(csv.DictReader(io.StringIO(text)))
        assert [line["flags"] for line in lines] == ["", "impossible_jump", ""]
        track = (await read(service, "/v1/devices/one/track", **whole)).json()
        assert [point["latitude"] for point in track["points"]] == [18.5, 18.501]


async def test_a_day_counts_no_doubtful_fix(service: Service) -> None:
    await service.provision("one")
    noon = (NOW - timedelta(days=2)).replace(hour=12, minute=0, second=0)
    rows = [
        row(
            device_id="one",
            timestamp=(noon + timedelta(seconds=10 * step)).isoformat(),
            latitude=18.5 + 0.001 * step,
            speed=90 if step == 3 else 10,
            mock=step == 3,
        )
        for step in range(5)
    ]
    await service.post(rows, GATEWAY)
    day = f"{noon:%Y-%m-%d}"
    answer = await read(service, "/v1/devices/one/days", **{"from": day, "to": day})
    (found,) = answer.json()["days"]
    assert (found["fixes"], found["max_speed_kmh"]) == (4, 36)
    assert found["distance_km"] == pytest.approx(0.4448, abs=0.001)


async def test_the_progress_of_a_trip_is_told_by_the_newest_fix_that_is_not_doubtful(
    service: Service,
) -> None:
    await service.provision("one")
    place = {"latitude": 18.5, "longitude": 73.8}
    trip = {
        "reference": "T1",
        "started_at": (NOW - timedelta(hours=1)).isoformat(),
        "source": place,
        "destination": {"latitude": 19.5, "longitude": 73.8},
        "arrival_radius_m": 300,
    }
    answer = await service.client.put(
        "/v1/vehicles/MH12AB1234/trip",
        json={"version": 1, "trip": trip},
        headers=ADMIN,
    )
    assert answer.status_code == 201, answer.text
    rows = [row(20, latitude=19.0), row(10, latitude=19.4, mock=True)]
    await service.post([{**item, "device_id": "one"} for item in rows], GATEWAY)
    answer = await read(service, "/v1/vehicles/MH12AB1234/trip")
    assert answer.json()["progress"]["progress"] == pytest.approx(0.5, abs=0.01)
