"""The provisioning API."""

import asyncio
from typing import Any

import httpx
import pytest
from support.service import ADMIN, GATEWAY, Service, row

from gps_ingestion_service.database import Connection


async def put(service: Service, device_id: str, **spec: Any) -> httpx.Response:
    body = {"vehicle_identifier": "MH12AB1234", "version": 1, "enabled": True}
    return await service.client.put(
        f"/v1/devices/{device_id}", json={**body, **spec}, headers=ADMIN
    )


async def test_a_new_device_is_201_and_the_same_again_is_200(service: Service) -> None:
    first = await put(service, "tracker-1")
    again = await put(service, "tracker-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json() == {
        "device_id": "tracker-1",
        "vehicle_identifier": "MH12AB1234",
        "enabled": True,
        "only_on_trip": False,
        "version": 1,
        "has_token": False,
        "has_signing_secret": False,
        "utc_offset_minutes": None,
        "last_fix_time": None,
    }


async def test_a_higher_version_changes_the_device(service: Service) -> None:
    await put(service, "tracker-1")
    response = await put(
        service, "tracker-1", version=2, vehicle_identifier="KA01", enabled=False
    )
    assert response.status_code == 200
    assert response.json()["vehicle_identifier"] == "KA01"
    assert response.json()["enabled"] is False


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"version": 4}, "stale_version"),
        ({"version": 5, "enabled": False}, "version_conflict"),
        ({"version": 5, "vehicle_identifier": "KA01"}, "version_conflict"),
    ],
)
async def test_an_old_or_taken_version_is_409(
    service: Service, spec: dict[str, Any], code: str
) -> None:
    await put(service, "tracker-1", version=5)
    response = await put(service, "tracker-1", **spec)
    assert response.status_code == 409
    assert response.json()["error"]["code"] == code
    assert (await put(service, "tracker-1", version=5)).status_code == 200


async def test_two_that_create_the_same_device_agree(service: Service) -> None:
    answers = await asyncio.gather(*(put(service, "tracker-1") for _ in range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 7 + [201]


@pytest.mark.parametrize(
    "spec",
    [
        {"vehicle_identifier": "mh 12"},
        {"vehicle_identifier": ""},
        {"vehicle_identifier": None},
        {"version": -1},
        {"version": "1"},
        {"version": True},
        {"version": 2**63},
        {"enabled": "yes"},
        {"surprise": 1},
    ],
)
async def test_a_wrong_body_is_422_and_named(
    service: Service, spec: dict[str, Any]
) -> None:
    response = await put(service, "tracker-1", **spec)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "invalid_request"
    assert next(iter(spec)) in error["message"]


async def test_a_body_that_is_not_json_is_400(service: Service) -> None:
    response = await service.client.put(
        "/v1/devices/tracker-1",
        content=b'{"vehicle',
        headers={**ADMIN, "Content-Type": "application/json"},
    )
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_json"


async def test_a_device_id_of_another_form_is_422(service: Service) -> None:
    assert (await put(service, "a" * 65)).status_code == 422
    assert (await put(service, "a%20b")).status_code == 422


async def test_only_the_admin_token_opens_the_api(service: Service) -> None:
    device = await service.provision("tracker-1")
    for headers in ({}, device, GATEWAY):
        for method, path in (
            ("GET", "/v1/devices"),
            ("POST", "/v1/devices/tracker-1/token"),
            ("PUT", "/v1/devices/tracker-1"),
            ("GET", "/v1/devices/tracker-1/positions"),
            ("GET", "/v1/positions/last"),
        ):
            response = await service.client.request(method, path, headers=headers)
            assert response.status_code == 401, (method, path)


async def test_a_token_is_shown_once_and_only_its_hash_is_kept(
    service: Service, db: Connection
) -> None:
    token = await service.provision("tracker-1")
    secret = token["Authorization"].removeprefix("Bearer ")
    stored = await db.fetchval("SELECT token_hash FROM device")
    assert len(stored) == 32
    assert secret.encode() not in stored
    listed = await service.client.get("/v1/devices", headers=ADMIN)
    assert listed.json()["devices"][0]["has_token"] is True
    assert secret not in listed.text


async def test_a_token_for_a_device_that_is_not_there_is_404(service: Service) -> None:
    response = await service.client.post("/v1/devices/nobody/token", headers=ADMIN)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_device"


async def test_the_list_is_paged_and_shows_the_last_fix(service: Service) -> None:
    for name in ("c", "a", "b"):
        await put(service, name)
    await service.post([row(device_id="b")], GATEWAY)
    params: dict[str, Any] = {"limit": 2}
    first = await service.client.get("/v1/devices", params=params, headers=ADMIN)
    page = first.json()
    assert [device["device_id"] for device in page["devices"]] == ["a", "b"]
    assert page["devices"][0]["last_fix_time"] is None
    assert page["devices"][1]["last_fix_time"].endswith("Z")
    params["cursor"] = page["next"]
    rest = await service.client.get("/v1/devices", params=params, headers=ADMIN)
    assert [device["device_id"] for device in rest.json()["devices"]] == ["c"]
    assert rest.json()["next"] is None


async def test_a_vehicle_finds_its_tracker_after_a_change(service: Service) -> None:
    await put(service, "tracker-1", vehicle_identifier="OLD1")
    await put(service, "tracker-1", vehicle_identifier="NEW1", version=2)
    body = (
        await service.post(
            [row(1, vehicle_identifier="OLD1"), row(vehicle_identifier="NEW1")],
            GATEWAY,
        )
    ).json()
    assert [item["status"] for item in body["results"]] == ["rejected", "accepted"]


async def test_the_zone_of_a_clock_is_the_trackers_own(service: Service) -> None:
    await put(service, "tracker-1")
    path = "/v1/devices/tracker-1/clock"
    body = {"utc_offset_minutes": 480}
    response = await service.client.put(path, json=body, headers=ADMIN)
    assert response.json()["utc_offset_minutes"] == 480
    await put(service, "tracker-1", version=2)
    device = service.state.registry.device("tracker-1")
    assert device is not None and device.utc_offset_minutes == 480
    unknown = await service.client.put(
        "/v1/devices/nobody/clock", json=body, headers=ADMIN
    )
    assert unknown.status_code == 404
    wrong = await service.client.put(
        path, json={"utc_offset_minutes": 900}, headers=ADMIN
    )
    assert wrong.status_code == 422
