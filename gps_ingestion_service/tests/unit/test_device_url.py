"""The URL of OsmAnd and Traccar Client, at / and at /v1/osmand."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.service import ADMIN, GATEWAY, Service, row

from gps_ingestion_service.database import Connection


def token_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


def location(**values: Any) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.123Z", time.gmtime())
    coords = {"latitude": 18.6, "longitude": 73.9, "speed": 12.5, "heading": 90}
    return {"timestamp": stamp, "coords": coords, **values}


@pytest.mark.parametrize("path", ["/", "/v1/osmand"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_is_one_fix_in_knots(
    service: Service, db: Connection, path: str, method: str
) -> None:
    token = await service.provision("phone")
    response = await service.client.request(
        method,
        path,
        params={
            "id": "phone",
            "token": token_of(token),
            "lat": "18.6",
            "lon": "73.9",
            "timestamp": str(int(time.time())),
            "speed": "10",
            "bearing": "90",
            "batt": "76",
            "cell": ["404,1", "404,2"],
        },
    )
    assert response.status_code == 200
    assert response.json()["accepted"] == 1
    fix = await db.fetchrow("SELECT * FROM fix")
    assert fix is not None
    assert fix["speed"] == pytest.approx(5.14444, abs=1e-5)
    assert fix["course"] == 90
    assert json.loads(fix["attributes"]) == {"batt": 76, "cell": ["404,1", "404,2"]}


async def test_a_time_without_a_zone_is_that_of_the_devices_clock(
    service: Service, db: Connection
) -> None:
    token = await service.provision("phone")
    await service.client.put(
        "/v1/devices/phone/clock", json={"utc_offset_minutes": 330}, headers=ADMIN
    )
    now = datetime.now(UTC).replace(microsecond=0)
    local = now + timedelta(minutes=330)
    before = now - timedelta(minutes=1)
    for stamp in (f"{local:%Y-%m-%d %H:%M:%S}", f"{before:%Y-%m-%dT%H:%M:%SZ}"):
        response = await ask(
            service, id="phone", token=token_of(token), lat="1", lon="2",
            timestamp=stamp,
        )  # fmt: skip
        assert response.json()["accepted"] == 1
    kept = await db.fetch("SELECT fix_time, sent_time FROM fix ORDER BY fix_time")
    assert [tuple(record) for record in kept] == [(before, None), (now, local)]


async def test_a_form_is_read_like_a_query(service: Service) -> None:
    token = await service.provision("phone")
    response = await service.client.post(
        "/",
        params={"token": token_of(token)},
        data={"deviceid": "phone", "location": "18.6,73.9"},
    )
    assert response.json()["accepted"] == 1


async def test_the_token_may_come_as_a_header(service: Service) -> None:
    token = await service.provision("phone")
    response = await service.client.get(
        "/", params={"id": "phone", "lat": 1, "lon": 2}, headers=token
    )
    assert response.status_code == 200


async def test_traccar_client_json_is_told_by_its_content(
    service: Service, db: Connection
) -> None:
    token = await service.provision("phone")
    response = await service.client.post(
        "/",
        params={"token": token_of(token)},
        content=json.dumps({"device_id": "phone", "location": location(odometer=7)}),
    )
    assert response.json()["accepted"] == 1
    fix = await db.fetchrow("SELECT speed, course, attributes FROM fix")
    assert fix is not None
    assert (fix["speed"], fix["course"]) == (12.5, 90)
    assert json.loads(fix["attributes"]) == {"odometer": 7}


async def test_good_locations_of_an_array_are_stored_beside_bad_ones(
    service: Service,
) -> None:
    token = await service.provision("phone")
    bad = location(coords={"latitude": 99, "longitude": 0})
    body = {"device_id": "phone", "location": [bad, location()]}
    response = await service.client.post("/v1/osmand", json=body, headers=token)
    assert response.status_code == 200
    assert (response.json()["accepted"], response.json()["rejected"]) == (1, 1)


async def test_a_keep_alive_is_answered_and_is_no_fix(
    service: Service, db: Connection
) -> None:
    token = await service.provision("phone")
    query = await service.client.get("/", params={"id": "phone"}, headers=token)
    heartbeat = await service.client.post(
        "/", json={"device_id": "phone", "location": {"event": "x"}}, headers=token
    )
    assert (query.status_code, heartbeat.status_code) == (200, 200)
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


async def ask(service: Service, **params: str) -> httpx.Response:
    return await service.client.get("/v1/osmand", params=params)


async def test_an_unknown_device_is_400_on_a_query_and_404_on_json(
    service: Service, db: Connection
) -> None:
    query = await ask(service, id="nobody", lat="1", lon="2", token="x")
    assert query.status_code == 400
    assert query.json()["error"]["code"] == "unknown_device"
    body = {"device_id": "nobody", "location": location()}
    response = await service.client.post("/", json=body)
    assert response.status_code == 404
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_wrong_token_is_401_and_stores_nothing(
    service: Service, db: Connection, token: str
) -> None:
    await service.provision("phone")
    response = await ask(service, id="phone", lat="1", lon="2", token=token)
    assert response.status_code == 401
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


async def test_the_token_of_another_device_is_401(service: Service) -> None:
    await service.provision("phone")
    other = await service.provision("other")
    response = await ask(service, id="phone", lat="1", lon="2", token=token_of(other))
    assert response.status_code == 401


async def test_a_device_that_was_never_given_a_token_is_401(service: Service) -> None:
    await service.client.put(
        "/v1/devices/bare",
        json={"vehicle_identifier": "MH1", "version": 1},
        headers={"Authorization": "Bearer the-admin-token"},
    )
    assert (await ask(service, id="bare", lat="1", lon="2")).status_code == 401


async def test_a_disabled_device_is_403(service: Service) -> None:
    token = await service.provision("phone", enabled=False)
    response = await ask(service, id="phone", token=token_of(token), lat="1", lon="2")
    assert response.status_code == 403


async def test_a_fix_that_can_never_be_stored_does_not_hold_up_the_phone(
    service: Service, db: Connection
) -> None:
    token = await service.provision("phone")
    query = await ask(service, id="phone", token=token_of(token), lat="95", lon="73.9")
    bad = location(coords={"latitude": 95, "longitude": 0})
    body = {"device_id": "phone", "location": bad}
    document = await service.client.post("/v1/osmand", json=body, headers=token)
    for response in (query, document):
        assert response.status_code == 200
        (verdict,) = response.json()["results"]
        assert (verdict["status"], verdict["code"]) == ("rejected", "out_of_range")
    kept = await db.fetch("SELECT protocol, code FROM quarantine ORDER BY id")
    assert [tuple(record) for record in kept] == [
        ("osmand", "out_of_range"),
        ("traccar-client", "out_of_range"),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "invalid_json"),
        (b'{"location": {}}', "missing_field"),
        (b"id=%ff", "invalid_encoding"),
        (b"\xff", "invalid_encoding"),
        (b"a=1&" * 300, "too_many_parameters"),
        (b"", "missing_field"),
    ],
)
async def test_a_message_that_cannot_be_read_is_400(
    service: Service, content: bytes, code: str
) -> None:
    response = await service.client.post("/", content=content)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code


def owntracks(**values: Any) -> dict[str, Any]:
    message = {"_type": "location", "lat": 18.6, "lon": 73.9, "tst": int(time.time())}
    return {**message, "topic": "owntracks/jane/phone", **values}


@pytest.mark.parametrize("path", ["/", "/v1/owntracks"])
async def test_owntracks_signs_in_with_a_password_and_is_told_to_forget(
    service: Service, db: Connection, path: str
) -> None:
    token = await service.provision("jane:phone")
    response = await service.client.post(
        path, json=owntracks(vel=36), auth=("jane", token_of(token))
    )
    assert (response.status_code, response.content) == (200, b"[]")
    assert response.headers["content-type"] == "application/json"
    assert await db.fetchval("SELECT speed FROM fix") == pytest.approx(10)


async def test_owntracks_is_named_by_its_headers(service: Service) -> None:
    token = await service.provision("jane:phone")
    response = await service.client.post(
        "/v1/owntracks",
        json=owntracks(topic=None),
        headers={**token, "X-Limit-U": "jane", "X-Limit-D": "phone"},
    )
    assert response.status_code == 200


async def test_owntracks_gets_its_answer_for_what_is_no_fix(
    service: Service, db: Connection
) -> None:
    token = await service.provision("jane:phone")
    empty = await service.client.post("/v1/owntracks")
    waypoint = await service.client.post(
        "/v1/owntracks", json=owntracks(_type="waypoint"), headers=token
    )
    for response in (empty, waypoint):
        assert (response.status_code, response.content) == (200, b"[]")
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


@pytest.mark.parametrize("kind", ["lwt", "status", "transition", "a new one"])
@pytest.mark.parametrize("sender", [{}, {"topic": "owntracks/nobody/phone"}])
async def test_owntracks_may_forget_what_is_no_fix_whoever_sends_it(
    service: Service, db: Connection, kind: str, sender: dict[str, str]
) -> None:
    response = await service.client.post("/", json={"_type": kind, **sender})
    assert (response.status_code, response.content) == (200, b"[]")
    assert await db.fetchval("SELECT count(*) FROM quarantine") == 0


@pytest.mark.parametrize(
    "message", [{"_type": "lwt"}, {"_type": "lwt", "topic": "owntracks/jane/phone"}]
)
async def test_a_wrong_password_is_told_with_what_is_no_fix_too(
    service: Service, message: dict[str, str]
) -> None:
    token = await service.provision("jane:phone")
    for password, status in (("wrong", 401), (token_of(token), 200)):
        response = await service.client.post(
            "/v1/owntracks", json=message, auth=("jane", password)
        )
        assert response.status_code == status


@pytest.mark.parametrize("header", ["Basic", "Basic *", "Basic amFuZQ==", "Digest x"])
async def test_owntracks_with_a_wrong_password_is_401(
    service: Service, header: str
) -> None:
    await service.provision("jane:phone")
    response = await service.client.post(
        "/v1/owntracks", json=owntracks(), headers={"Authorization": header}
    )
    assert response.status_code == 401


def forwarded(device_id: str) -> dict[str, Any]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime())
    position = {"latitude": 18.6, "longitude": 73.9, "fixTime": stamp, "speed": 10}
    return {"position": position, "device": {"uniqueId": device_id}}


@pytest.mark.parametrize("path", ["/", "/v1/traccar"])
async def test_a_traccar_server_forwards_with_the_token_of_a_gateway(
    service: Service, db: Connection, path: str
) -> None:
    await service.provision("one")
    response = await service.client.post(path, json=forwarded("one"), headers=GATEWAY)
    assert response.json()["accepted"] == 1
    query = {
        "uniqueId": "one",
        "fixTime": str(int(time.time() * 1000) - 60_000),
        "latitude": "18.6",
        "longitude": "73.9",
        "token": "the-ingest-token",
    }
    response = await service.client.get(path, params=query)
    assert response.json()["accepted"] == 1
    assert await db.fetchval("SELECT count(*) FROM fix") == 2


async def test_the_shared_url_takes_native_rows_too(service: Service) -> None:
    token = await service.provision("one")
    response = await service.client.post("/", json=[row()], headers=token)
    assert response.json()["accepted"] == 1
    assert (await service.client.post("/", json=[row()])).status_code == 401
