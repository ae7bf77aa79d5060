"""What a fleet relies on, asked of the deployed service over HTTP."""

import time

import httpx
import pytest
from fleet import Provision, Tracker, paged, row


def test_it_is_alive_ready_and_measured(anonymous: httpx.Client) -> None:
    assert anonymous.get("/livez").json() == {"status": "alive"}
    ready = anonymous.get("/readyz")
    assert ready.status_code == 200, ready.text
    assert "gps_fixes_total" in anonymous.get("/metrics").text


def test_a_provisioned_device_is_listed(tracker: Tracker, admin: httpx.Client) -> None:
    found = [
        item
        for item in paged(admin, "/v1/devices", "")
        if item["device_id"] == tracker.device_id
    ]
    assert len(found) == 1
    assert found[0]["vehicle_identifier"] == tracker.vehicle_identifier
    assert found[0]["enabled"] is True
    assert found[0]["has_token"] is True


def test_publishing_again_is_harmless_and_an_old_version_is_refused(
    tracker: Tracker, admin: httpx.Client
) -> None:
    tracker.put(enabled=True)
    body = {"vehicle_identifier": tracker.vehicle_identifier, "version": 2}
    path = f"/v1/devices/{tracker.device_id}"
    assert admin.put(path, json={**body, "enabled": True}).status_code == 200
    stale = admin.put(path, json={**body, "version": 1})
    assert stale.status_code == 409
    assert stale.json()["error"]["code"] == "stale_version"


def test_good_rows_are_stored_and_bad_ones_named(
    tracker: Tracker, anonymous: httpx.Client
) -> None:
    rows = [row(2), row(1, latitude=95), row(0), {"latitude": 1}]
    response = anonymous.post("/v1/positions", json=rows, headers=tracker.headers)
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["accepted"], body["rejected"]) == (2, 2)
    assert body["results"][1]["code"] == "out_of_range"
    assert body["results"][1]["field"] == "latitude"
    assert body["results"][3]["code"] == "missing_field"


def test_a_fix_sent_again_is_a_duplicate(
    tracker: Tracker, anonymous: httpx.Client
) -> None:
    fix = row()
    first = anonymous.post("/v1/positions", json=fix, headers=tracker.headers)
    again = anonymous.post("/v1/positions", json=fix, headers=tracker.headers)
    assert first.json()["accepted"] == 1
    assert again.json()["duplicates"] == 1


def test_history_is_complete_and_in_order(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    rows = [row(10 - number, latitude=number) for number in range(10)]
    anonymous.post("/v1/positions", json=rows[::-1], headers=tracker.headers)
    seen: list[float] = []
    params: dict[str, str | int] = {"limit": 4}
    while True:
        page = admin.get(
            f"/v1/devices/{tracker.device_id}/positions", params=params
        ).json()
        seen += [position["latitude"] for position in page["positions"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == list(range(10))


def test_a_late_fix_does_not_move_the_last_position(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    for fix in (row(0, latitude=20), row(600, latitude=10)):
        response = anonymous.post("/v1/positions", json=fix, headers=tracker.headers)
        assert response.json()["accepted"] == 1
    params = {"vehicle_identifier": tracker.vehicle_identifier}
    (last,) = admin.get("/v1/positions/last", params=params).json()["positions"]
    assert last["latitude"] == 20
    assert last["device_id"] == tracker.device_id


@pytest.mark.parametrize("path", ["/", "/v1/osmand"])
def test_a_phone_sends_as_osmand(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client, path: str
) -> None:
    params = {
        "id": tracker.device_id,
        "token": tracker.token,
        "lat": "18.6",
        "lon": "73.9",
        "timestamp": str(int(time.time())),
        "speed": "10",
    }
    assert anonymous.get(path, params=params).status_code == 200
    page = admin.get(f"/v1/devices/{tracker.device_id}/positions").json()
    assert page["positions"][0]["speed"] == pytest.approx(5.1444, abs=1e-3)
    wrong = anonymous.get(path, params={**params, "token": "wrong"})
    assert wrong.status_code == 401
    unknown = anonymous.get(path, params={**params, "id": f"{tracker.device_id}-none"})
    assert unknown.status_code == 400


def test_owntracks_is_told_to_forget_what_is_stored(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    message = {
        "_type": "location",
        "lat": 18.6,
        "lon": 73.9,
        "vel": 36,
        "tst": int(time.time()),
        "tid": tracker.device_id,
    }
    response = anonymous.post(
        "/v1/owntracks", json=message, auth=("driver", tracker.token)
    )
    assert (response.status_code, response.json()) == (200, [])
    page = admin.get(f"/v1/devices/{tracker.device_id}/positions").json()
    assert page["positions"][0]["speed"] == pytest.approx(10)


def test_a_rejected_row_is_in_quarantine_until_it_is_discarded(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    anonymous.post("/v1/positions", json=row(latitude=95), headers=tracker.headers)
    found = {"device_id": tracker.device_id}
    (message,) = admin.get("/v1/quarantine", params=found).json()["messages"]
    assert message["code"] == "out_of_range"
    path = f"/v1/quarantine/{message['id']}"
    assert admin.post(f"{path}/replay").json()["released"] is False
    assert admin.delete(path).status_code == 204
    assert admin.get("/v1/quarantine", params=found).json()["messages"] == []


def test_a_wrong_token_stores_nothing(
    tracker: Tracker, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    headers = {"Authorization": "Bearer wrong"}
    response = anonymous.post("/v1/positions", json=row(), headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_token"
    assert anonymous.get("/v1/devices").status_code == 401
    page = admin.get(f"/v1/devices/{tracker.device_id}/positions").json()
    assert page["positions"] == []


def test_a_disabled_device_is_refused(
    provision: Provision, anonymous: httpx.Client
) -> None:
    tracker = provision()
    tracker.put(enabled=False)
    response = anonymous.post("/v1/positions", json=row(), headers=tracker.headers)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "device_disabled"


def test_a_device_that_is_deleted_takes_its_history_along(
    provision: Provision, admin: httpx.Client, anonymous: httpx.Client
) -> None:
    tracker = provision()
    anonymous.post("/v1/positions", json=row(), headers=tracker.headers)
    path = f"/v1/devices/{tracker.device_id}"
    enabled = admin.delete(path)
    assert enabled.status_code == 409
    assert enabled.json()["error"]["code"] == "device_enabled"
    tracker.remove()
    assert admin.get(f"{path}/positions").status_code == 404
