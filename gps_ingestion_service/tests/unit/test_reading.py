"""History and last positions."""

from typing import Any

import httpx
import pytest
from support.service import ADMIN, GATEWAY, Service, row


async def get(service: Service, path: str, **params: Any) -> httpx.Response:
    return await service.client.get(path, params=params, headers=ADMIN)


async def fill(service: Service, count: int) -> list[dict[str, Any]]:
    await service.provision("one")
    rows = [row(count - age, device_id="one", latitude=age) for age in range(count)]
    assert (await service.post(rows, GATEWAY)).json()["accepted"] == count
    return rows


def latitudes(response: httpx.Response) -> list[float]:
    return [position["latitude"] for position in response.json()["positions"]]


async def test_history_is_oldest_first_and_complete(service: Service) -> None:
    await service.provision("one")
    fix = row(
        5,
        device_id="one",
        speed=3.25,
        course=90,
        altitude=560,
        accuracy=8,
        attributes={"ignition": True},
    )
    await service.post([row(device_id="one"), fix], GATEWAY)
    response = await get(service, "/v1/devices/one/positions")
    position = response.json()["positions"][0]
    assert position.pop("received_at").endswith("Z")
    assert position == {
        **fix,
        "timestamp": fix["timestamp"].replace("+00:00", "Z"),
        "vehicle_identifier": "MH12AB1234",
        "sent_timestamp": None,
        "flags": [],
    }
    assert response.json()["next"] is None


async def test_history_pages_meet_without_gap_or_overlap(service: Service) -> None:
    await fill(service, 7)
    seen: list[float] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        response = await get(service, "/v1/devices/one/positions", **params)
        seen += latitudes(response)
        if response.json()["next"] is None:
            break
        params["cursor"] = response.json()["next"]
    assert seen == list(range(7))


async def test_from_is_included_and_to_is_not(service: Service) -> None:
    rows = await fill(service, 5)
    bounds = {"from": rows[1]["timestamp"], "to": rows[3]["timestamp"]}
    response = await get(service, "/v1/devices/one/positions", **bounds)
    assert latitudes(response) == [1, 2]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"from": "2026-11-23T10:00:00"}, "invalid_request"),
        ({"to": "yesterday"}, "invalid_request"),
        ({"limit": 0}, "invalid_request"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"cursor": "2026-11-23T10:00:00"}, "invalid_cursor"),
    ],
)
async def test_a_wrong_parameter_is_422(
    service: Service, params: dict[str, Any], code: str
) -> None:
    await service.provision("one")
    response = await get(service, "/v1/devices/one/positions", **params)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == code


async def test_history_of_an_unknown_device_is_404(service: Service) -> None:
    response = await get(service, "/v1/devices/nobody/positions")
    assert response.status_code == 404


async def test_last_gives_one_position_per_device(service: Service) -> None:
    for name, vehicle in (("a", "MH1"), ("b", "MH2"), ("c", "MH3")):
        await service.provision(name, vehicle)
        rows = [row(9, device_id=name, latitude=1), row(device_id=name, latitude=2)]
        await service.post(rows, GATEWAY)
    first = await get(service, "/v1/positions/last", limit=2)
    assert latitudes(first) == [2, 2]
    rest = await get(service, "/v1/positions/last", cursor=first.json()["next"])
    assert [item["device_id"] for item in rest.json()["positions"]] == ["c"]
    one = await get(service, "/v1/positions/last", vehicle_identifier="MH2")
    assert [item["device_id"] for item in one.json()["positions"]] == ["b"]


async def test_a_tracker_that_moves_to_another_truck_leaves_its_history_behind(
    service: Service,
) -> None:
    await service.provision("one", "MH1")
    await service.post([row(9, device_id="one")], GATEWAY)
    await service.client.put(
        "/v1/devices/one",
        json={"vehicle_identifier": "MH2", "version": 2, "enabled": True},
        headers=ADMIN,
    )
    (last,) = (await get(service, "/v1/positions/last")).json()["positions"]
    assert last["vehicle_identifier"] == "MH1"
    await service.post([row(device_id="one")], GATEWAY)
    positions = (await get(service, "/v1/devices/one/positions")).json()["positions"]
    assert [item["vehicle_identifier"] for item in positions] == ["MH1", "MH2"]
    (last,) = (
        await get(service, "/v1/positions/last", vehicle_identifier="MH2")
    ).json()["positions"]
    assert last["vehicle_identifier"] == "MH2"
