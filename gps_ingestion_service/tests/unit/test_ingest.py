"""POST /v1/positions: verdicts per row, sent after commit."""

import json
from typing import Any

import pytest
from support.service import ADMIN, GATEWAY, Service, in_process, row, settings_for

from gps_ingestion_service.database import Connection


async def stored_count(db: Connection) -> int:
    count: int = await db.fetchval("SELECT count(*) FROM fix")
    return count


def statuses(body: dict[str, Any]) -> list[str]:
    return [result["status"] for result in body["results"]]


async def test_a_device_sends_a_batch_under_its_own_token(
    service: Service, db: Connection
) -> None:
    token = await service.provision("356307042441013")
    response = await service.post([row(10), row(5), row(0)], token)
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 3,
        "duplicates": 0,
        "rejected": 0,
        "results": [{"index": index, "status": "accepted"} for index in range(3)],
    }
    assert await stored_count(db) == 3


async def test_a_single_object_is_a_batch_of_one(service: Service) -> None:
    token = await service.provision("one")
    assert (await service.post(row(), token)).json()["accepted"] == 1


async def test_ndjson_is_read_line_by_line(service: Service) -> None:
    token = await service.provision("one")
    lines = [json.dumps(row(1)), "", "{broken", json.dumps(row(0))]
    response = await service.client.post(
        "/v1/positions",
        content="\n".join(lines),
        headers={**token, "Content-Type": "application/x-ndjson; charset=utf-8"},
    )
    body = response.json()
    assert statuses(body) == ["accepted", "rejected", "accepted"]
    assert body["results"][1]["code"] == "invalid_json"


async def test_an_empty_batch_is_answered(service: Service) -> None:
    token = await service.provision("one")
    body = (await service.post([], token)).json()
    assert body == {"accepted": 0, "duplicates": 0, "rejected": 0, "results": []}


async def test_a_bad_row_is_named_and_the_good_ones_are_stored(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    bad = row(latitude=95)
    body = (await service.post([row(2), bad, row(1)], token)).json()
    assert statuses(body) == ["accepted", "rejected", "accepted"]
    assert body["results"][1] == {
        "index": 1,
        "status": "rejected",
        "code": "out_of_range",
        "field": "latitude",
        "reason": "latitude must be between -90 and 90",
    }
    assert await stored_count(db) == 2


async def test_nan_costs_its_row_only(service: Service) -> None:
    token = await service.provision("one")
    rows = [row(1), row(0, longitude=float("nan")), row(2, speed=float("inf"))]
    response = await service.client.post(
        "/v1/positions",
        content=json.dumps(rows),
        headers={**token, "Content-Type": "application/json"},
    )
    body = response.json()
    assert statuses(body) == ["accepted", "rejected", "rejected"]
    assert [result.get("field") for result in body["results"]] == [
        None,
        "longitude",
        "speed",
    ]
    assert body["results"][1]["code"] == "not_finite"


async def test_a_fix_sent_again_is_a_duplicate(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    fix = row()
    assert statuses((await service.post([fix, fix], token)).json()) == [
        "accepted",
        "duplicate",
    ]
    assert (await service.post([fix], token)).json()["duplicates"] == 1
    assert await stored_count(db) == 1


async def test_the_first_of_two_different_fixes_of_one_instant_stays(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    fix = row()
    await service.post([fix], token)
    body = (await service.post([{**fix, "latitude": 1}], token)).json()
    assert body["duplicates"] == 1
    assert await db.fetchval("SELECT latitude FROM fix") == 18.5204


@pytest.mark.parametrize(
    ("seconds_ago", "code"),
    [(-301, "fix_time_in_future"), (367 * 86400, "fix_time_too_old")],
)
async def test_a_wrong_clock_never_reaches_the_last_position(
    service: Service, db: Connection, seconds_ago: float, code: str
) -> None:
    token = await service.provision("one")
    body = (await service.post([row(seconds_ago)], token)).json()
    assert body["results"][0]["code"] == code
    assert body["results"][0]["field"] == "timestamp"
    assert await db.fetchval("SELECT count(*) FROM last_position") == 0


async def test_null_island_is_kept_but_is_nowhere_to_go_to(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    await service.post([row(10)], token)
    body = (await service.post([row(0, latitude=0, longitude=0)], token)).json()
    assert body["results"][0]["status"] == "accepted"
    assert body["results"][0]["code"] == "null_island"
    assert await stored_count(db) == 2
    assert await db.fetchval("SELECT latitude FROM last_position") == 18.5204


async def test_a_late_fix_is_stored_and_does_not_move_the_last_position(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    await service.post([row(0, latitude=20)], token)
    body = (await service.post([row(600, latitude=10)], token)).json()
    assert body["accepted"] == 1
    assert await db.fetchval("SELECT latitude FROM last_position") == 20
    assert await db.fetchval("SELECT latitude FROM outbox") == 20


async def test_within_a_batch_the_newest_fix_becomes_the_last_position(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    rows = [row(5, latitude=1), row(0, latitude=2), row(9, latitude=3)]
    await service.post(rows, token)
    assert await db.fetchval("SELECT latitude FROM last_position") == 2


async def test_a_row_the_database_refuses_takes_no_other_with_it(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    await db.execute(
        "ALTER TABLE fix ADD CONSTRAINT no_poison CHECK (altitude IS DISTINCT FROM 666)"
    )
    try:
        rows = [row(age, altitude=666 if age == 3 else 1) for age in range(8)]
        body = (await service.post(rows, token)).json()
    finally:
        await db.execute("ALTER TABLE fix DROP CONSTRAINT no_poison")
    assert body["accepted"] == 7
    assert body["results"][3]["code"] == "not_storable"
    assert await stored_count(db) == 7
    assert 'code="not_storable"} 1.0' in await service.metrics()


async def test_a_gateway_speaks_for_many_devices(service: Service) -> None:
    await service.provision("one", "MH12AB0001")
    await service.provision("two", "MH12AB0002")
    rows = [
        row(device_id="one"),
        row(device_id="two", vehicle_identifier="MH12AB0002"),
        row(9, vehicle_identifier="MH12AB0001"),
    ]
    assert (await service.post(rows, GATEWAY)).json()["accepted"] == 3


@pytest.mark.parametrize(
    ("identity", "code", "field"),
    [
        ({}, "missing_field", "device_id"),
        ({"device_id": "nobody"}, "unknown_device", "device_id"),
        (
            {"vehicle_identifier": "MH99XX9999"},
            "unknown_device",
            "vehicle_identifier",
        ),
        ({"device_id": "off"}, "device_disabled", "device_id"),
        (
            {"vehicle_identifier": "MH12AB0003"},
            "device_disabled",
            "vehicle_identifier",
        ),
        (
            {"vehicle_identifier": "MH12AB0002"},
            "ambiguous_vehicle",
            "vehicle_identifier",
        ),
        (
            {"device_id": "one", "vehicle_identifier": "MH12AB0003"},
            "device_mismatch",
            "vehicle_identifier",
        ),
        ({"device_id": "no spaces"}, "invalid_identifier", "device_id"),
        ({"device_id": 7}, "invalid_type", "device_id"),
    ],
)
async def test_a_gateway_row_that_names_no_usable_device_is_rejected(
    service: Service,
    db: Connection,
    identity: dict[str, Any],
    code: str,
    field: str,
) -> None:
    await service.provision("one", "MH12AB0002")
    await service.provision("two", "MH12AB0002")
    await service.provision("off", "MH12AB0003", enabled=False)
    result = (await service.post([row(**identity)], GATEWAY)).json()["results"][0]
    assert (result["code"], result["field"]) == (code, field)
    assert await stored_count(db) == 0


@pytest.mark.parametrize(
    "identity", [{"device_id": "two"}, {"vehicle_identifier": "MH12AB0002"}]
)
async def test_a_device_cannot_speak_for_another(
    service: Service, identity: dict[str, Any]
) -> None:
    token = await service.provision("one", "MH12AB0001")
    await service.provision("two", "MH12AB0002")
    result = (await service.post([row(**identity)], token)).json()["results"][0]
    assert result["code"] == "device_mismatch"
    assert result["field"] == next(iter(identity))


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}, ADMIN],
)
async def test_no_or_a_wrong_token_is_401_and_stores_nothing(
    service: Service, db: Connection, headers: dict[str, str]
) -> None:
    await service.provision("one")
    response = await service.post([row(device_id="one")], headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_token"
    assert response.headers["www-authenticate"] == "Bearer"
    assert await stored_count(db) == 0


async def test_a_disabled_device_is_refused(service: Service) -> None:
    token = await service.provision("one", enabled=False)
    response = await service.post([row()], token)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "device_disabled"


async def test_a_replaced_token_is_void_at_once(service: Service) -> None:
    old = await service.provision("one")
    await service.client.post("/v1/devices/one/token", headers=ADMIN)
    assert (await service.post([row()], old)).status_code == 401


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_json"),
        (b"", "application/json", 400, "invalid_json"),
        (b'{"latitude": "\xff"}', "application/json", 400, "invalid_encoding"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b"[NaN," + b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b"[NaN," + b"9" * 5000 + b"]", "application/json", 400, "invalid_json"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    service: Service, content: bytes, media_type: str, status: int, code: str
) -> None:
    token = await service.provision("one")
    response = await service.client.post(
        "/v1/positions",
        content=content,
        headers={**token, "Content-Type": media_type},
    )
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


async def test_a_body_without_a_content_type_is_read_as_json(service: Service) -> None:
    token = await service.provision("one")
    response = await service.client.post(
        "/v1/positions", content=json.dumps(row()), headers=token
    )
    assert response.json()["accepted"] == 1


async def test_a_compressed_body_is_refused(service: Service) -> None:
    response = await service.client.post(
        "/v1/positions", content=b"x", headers={**GATEWAY, "Content-Encoding": "gzip"}
    )
    assert response.status_code == 415


async def test_limits_of_a_request_are_settings(
    migrated_url: str, db: Connection
) -> None:
    settings = settings_for(migrated_url, max_rows=2, max_body_bytes=1024)
    async with in_process(settings) as service:
        await service.state.registry.load()
        rows = await service.post([{}, {}, {}], GATEWAY)
        assert rows.status_code == 413
        assert rows.json()["error"]["code"] == "too_many_rows"
        lines = await service.client.post(
            "/v1/positions",
            content=b"{}\n{}\n{}",
            headers={**GATEWAY, "Content-Type": "application/x-ndjson"},
        )
        assert lines.json()["error"]["code"] == "too_many_rows"
        announced = await service.post(["x" * 1024], GATEWAY)
        assert announced.status_code == 413
        assert announced.json()["error"]["code"] == "body_too_large"

        async def chunks() -> Any:
            for _ in range(2000):
                yield b" "

        unannounced = await service.client.post(
            "/v1/positions", content=chunks(), headers=GATEWAY
        )
        assert unannounced.json()["error"]["code"] == "body_too_large"


async def test_what_is_not_modelled_is_kept_as_an_attribute(
    service: Service, db: Connection
) -> None:
    token = await service.provision("one")
    await service.post([row(fuel=41.5, attributes={"ignition": True})], token)
    attributes = json.loads(await db.fetchval("SELECT attributes FROM fix"))
    assert attributes == {"fuel": 41.5, "ignition": True}


async def test_counts_and_reasons_are_metrics(service: Service) -> None:
    token = await service.provision("one")
    fix = row()
    await service.post([fix, fix, row(latitude=True)], token)
    page = await service.metrics()
    assert 'gps_fixes_total{status="accepted"} 1.0' in page
    assert 'gps_fixes_total{status="duplicate"} 1.0' in page
    assert 'gps_fixes_rejected_total{code="invalid_type"} 1.0' in page
    assert 'gps_commit_seconds_count{outcome="committed"} 1.0' in page
    assert "gps_queue_rows 0.0" in page
