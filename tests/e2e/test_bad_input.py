"""What is wrong is refused where it enters; what is right beside it is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from conftest import Truck, utc_time

from devtools.errors import DevtoolsError
from devtools.instance import Instance

PUNE = {"latitude": 18.5204, "longitude": 73.8567}


def push(
    tms: Instance, body: object, *, secret: str | None = None, age_s: int = 0
) -> tuple[httpx.Response, dict[str, str], bytes]:
    """Call Odoo's endpoint as the GPS service would."""
    key = secret or tms.secrets.gps_hmac
    raw = json.dumps(body).encode()
    stamp = str(int(time.time()) - age_s)
    digest = hmac.new(key.encode(), f"{stamp}.".encode() + raw, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "X-TMS-Timestamp": stamp,
        "X-TMS-Signature": f"v1={digest.hexdigest()}",
    }
    url = f"{tms.urls.odoo}/tms/gps/v1/positions"
    return httpx.post(url, content=raw, headers=headers), headers, raw


def batch(truck: Truck) -> dict[str, object]:
    """A push of one position."""
    position = {
        "vehicle_identifier": truck.vehicle_identifier,
        "device_id": truck.device_id,
        "fix_time": utc_time(),
        **PUNE,
        "speed_kmh": None,
        "course": None,
        "accuracy_m": None,
        "altitude_m": None,
        "received_at": utc_time(),
    }
    return {"batch_id": str(uuid.uuid4()), "positions": [position]}


def history(tms: Instance, device_id: str) -> list[dict[str, Any]]:
    """Every fix of a device that the service has stored in this hour."""
    answer = httpx.get(
        f"{tms.urls.gps}/v1/devices/{device_id}/positions",
        params={"from": utc_time(minutes_ago=60), "to": utc_time(minutes_ago=-60)},
        headers={"Authorization": f"Bearer {tms.secrets.gps_admin_token}"},
    )
    assert answer.status_code == 200
    return list(answer.json()["positions"])


def times(positions: list[dict[str, Any]]) -> set[datetime]:
    """The fix times of positions."""
    return {datetime.fromisoformat(row["timestamp"]) for row in positions}


def test_one_bad_row_is_named_and_the_good_rows_of_the_batch_are_stored(
    tms: Instance, fleet: list[Truck]
) -> None:
    truck = fleet[-1]
    before = times(history(tms, truck.device_id))
    good = {**PUNE, "timestamp": utc_time(minutes_ago=2)}
    last = {**good, "timestamp": utc_time(minutes_ago=1)}
    rows = [
        good,
        {**good, "latitude": 91, "timestamp": utc_time(minutes_ago=3)},
        {**good, "timestamp": "yesterday"},
        last,
    ]
    answer = httpx.post(
        f"{tms.urls.gps}/v1/positions",
        json=rows,
        headers={"Authorization": f"Bearer {truck.token}"},
    )
    assert answer.status_code == 200
    verdict = answer.json()
    assert (verdict["accepted"], verdict["rejected"]) == (2, 2)
    refused = {row["index"]: row for row in verdict["results"] if "reason" in row}
    assert refused.keys() == {1, 2}
    assert refused[1]["field"] == "latitude"
    assert refused[2]["field"] == "timestamp"
    stored = history(tms, truck.device_id)
    assert times(stored) - before == times([good, last])
    [row] = [row for row in stored if times([row]) == times([last])]
    assert (row["latitude"], row["longitude"]) == tuple(PUNE.values())


@pytest.mark.parametrize("token", ["not-a-token", "another device's"])
def test_a_wrong_token_is_refused_and_stores_nothing(
    tms: Instance, fleet: list[Truck], token: str
) -> None:
    truck = fleet[-1]
    before = history(tms, truck.device_id)
    of_another = token == "another device's"
    answer = httpx.post(
        f"{tms.urls.gps}/v1/positions",
        json={"device_id": truck.device_id, **PUNE, "timestamp": utc_time()},
        headers={"Authorization": f"Bearer {fleet[0].token if of_another else token}"},
    )
    if of_another:  # a batch is taken, its rows are judged one by one
        assert answer.json()["results"][0]["status"] == "rejected"
    else:
        assert answer.status_code == 401
        assert answer.json()["error"]["code"]
    assert history(tms, truck.device_id) == before


def test_a_phone_that_is_not_registered_is_told_so(tms: Instance) -> None:
    url = f"{tms.urls.gps}/v1/osmand"
    query = {"id": "no-such-phone", "lat": "18.5", "lon": "73.8", "token": "x" * 43}
    answer = httpx.get(url, params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unknown_device"
    assert "no-such-phone" not in tms.gps_client().devices()


def test_a_phone_that_is_not_registered_is_told_so_in_json_too(tms: Instance) -> None:
    coords = {"latitude": 18.5, "longitude": 73.8}
    answer = httpx.post(
        f"{tms.urls.gps}/v1/osmand",
        json={
            "device_id": "no-such-phone",
            "location": {"timestamp": utc_time(), "coords": coords},
        },
        headers={"Authorization": "Bearer " + "x" * 43},
    )
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_device"
    assert "no-such-phone" not in tms.gps_client().devices()


def test_odoo_refuses_a_wrong_signature_without_logging_the_secret(
    tms: Instance, fleet: list[Truck]
) -> None:
    answer, headers, _ = push(tms, batch(fleet[-2]), secret="guess")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "bad_signature"
    log = tms.log("odoo").read_text()
    assert "bad_signature" in log
    assert tms.secrets.gps_hmac not in log
    assert headers["X-TMS-Signature"] not in log


def test_odoo_refuses_a_stale_timestamp(tms: Instance, fleet: list[Truck]) -> None:
    answer, _, _ = push(tms, batch(fleet[-2]), age_s=301)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "stale_timestamp"


def test_odoo_refuses_a_replay(tms: Instance, fleet: list[Truck]) -> None:
    answer, headers, raw = push(tms, batch(fleet[-2]))
    assert answer.json()["results"][0]["status"] == "stored"
    again = httpx.post(
        f"{tms.urls.odoo}/tms/gps/v1/positions", content=raw, headers=headers
    )
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "replayed"


@pytest.mark.parametrize(
    "method, arguments",
    [
        ("write", lambda trip: ([trip], {"state": "completed"})),
        ("load", lambda trip: ([".id", "state"], [[str(trip), "completed"]])),
    ],
)
def test_an_illegal_state_change_is_refused_with_its_reason(
    tms: Instance, method: str, arguments: Callable[[int], tuple[object, ...]]
) -> None:
    dispatcher = tms.odoo_client("dispatcher")
    [trip] = dispatcher.call("tms.trip", "search", [["state", "=", "planned"]], limit=1)
    try:
        answer = dispatcher.call("tms.trip", method, *arguments(trip))
        reason = " ".join(message["message"] for message in answer["messages"])
    except DevtoolsError as error:
        reason = str(error)
    assert "state" in reason.lower()
    assert dispatcher.call("tms.trip", "read", [trip], ["state"])[0]["state"] == (
        "planned"
    )
