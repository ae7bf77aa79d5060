"""Probes, metrics and what surrounds every request."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest
from support.postgres import PostgresServer, free_port
from support.service import ADMIN, GATEWAY, Service, in_process, row, settings_for

from gps_ingestion_service import schema
from gps_ingestion_service.app import supervise
from gps_ingestion_service.database import Connection
from gps_ingestion_service.observability import logging


def logged_events(
    capsys: pytest.CaptureFixture[str], event: str
) -> list[dict[str, Any]]:
    """The lines logged for one event; every line must be JSON."""
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line["event"] == event]


async def test_a_running_service_is_alive_and_ready(service: Service) -> None:
    assert (await service.client.get("/livez")).json() == {"status": "alive"}
    assert (await service.client.get("/readyz")).json() == {"status": "ready"}


async def test_without_a_database_it_is_alive_and_says_why_it_is_not_ready() -> None:
    url = f"postgresql://gps@127.0.0.1:{free_port()}/gps"
    async with in_process(settings_for(url)) as service:
        assert (await service.client.get("/livez")).status_code == 200
        ready = await service.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["error"]["code"] == "not_ready"
        assert "database" in ready.json()["error"]["message"]
        for response in (
            await service.post([row(device_id="one")], GATEWAY),
            await service.post([row()], {"Authorization": "Bearer unknown"}),
            await service.client.get("/?id=one&lat=1&lon=2"),
            await service.client.get("/v1/devices", headers=ADMIN),
        ):
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
        assert "gps_database_up 0.0" in await service.metrics()


async def test_an_empty_or_old_schema_is_not_ready(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("CREATE DATABASE unmigrated")
    await connection.close()
    settings = settings_for(postgres.url("unmigrated"))
    async with in_process(settings) as service:
        empty = await service.client.get("/readyz")
        assert empty.status_code == 503
        assert "migrate" in empty.json()["error"]["message"]
        await schema.migrate(settings)
        # The schema alone is not enough: the devices must be known too.
        await service.state.registry.load()
        assert (await service.client.get("/readyz")).status_code == 200


async def test_replicas_go_on_serving_while_a_newer_release_starts(
    service: Service, db: Connection
) -> None:
    await db.execute("UPDATE alembic_version SET version_num = 'later'")
    try:
        assert (await service.client.get("/readyz")).status_code == 200
    finally:
        await db.execute(
            "UPDATE alembic_version SET version_num = $1", schema.head_revision()
        )


async def test_routes_are_measured_by_template(service: Service) -> None:
    await service.client.get("/v1/devices/some-device/positions", headers=ADMIN)
    await service.client.get("/no/such/route")
    page = await service.metrics()
    assert 'route="/v1/devices/{device_id}/positions",status="404"' in page
    assert "some-device" not in page
    assert 'route="unmatched"' in page


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/no/such/route", 404, "not_found"),
        ("DELETE", "/v1/devices", 405, "method_not_allowed"),
    ],
)
async def test_every_error_has_the_same_body(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    response = await service.client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/quarantine/7", "DELETE, GET"),
        ("GET", "/v1/quarantine/replay", "POST"),
        ("PUT", "/v1/osmand", "GET, POST"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_which_there_are(
    service: Service, method: str, path: str, allowed: str
) -> None:
    response = await service.client.request(method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)


async def test_a_request_id_is_kept_or_made(service: Service) -> None:
    given = await service.client.get("/livez", headers={"X-Request-ID": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    bad = await service.client.get("/livez", headers={"X-Request-ID": "a b"})
    assert len(bad.headers["x-request-id"]) == 32


async def test_logs_are_json_and_hold_no_token(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.configure("info")
    token = await service.provision("phone")
    secret = token["Authorization"].removeprefix("Bearer ")
    await service.client.get(
        "/v1/osmand", params={"id": "phone", "token": secret, "lat": 1, "lon": 2}
    )
    await service.client.get("/livez")
    lines = logged_events(capsys, "request")
    assert [line["path"] for line in lines] == [
        "/v1/devices/phone",
        "/v1/devices/phone/token",
        "/v1/osmand",
    ]
    assert lines[-1]["status"] == 200
    assert lines[-1]["request_id"]
    assert secret not in json.dumps(lines)
    assert "the-admin-token" not in json.dumps(lines)


def test_a_field_with_the_name_of_a_secret_is_redacted() -> None:
    event = {"event": "x", "token": "t", "Authorization": "a", "device": "d"}
    assert logging.redact(None, "info", dict(event)) == {
        "event": "x",
        "token": "[redacted]",
        "Authorization": "[redacted]",
        "device": "d",
    }


async def test_an_unforeseen_error_is_a_plain_500_with_its_request_id(
    service: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(service.state.health, "check", fail)
    response = await service.client.get("/readyz")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret detail" not in response.text
    assert response.headers["x-request-id"]


async def test_a_mistake_in_a_background_task_does_not_end_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.configure("info")
    runs = 0
    again = asyncio.Event()

    async def task() -> None:
        nonlocal runs
        runs += 1
        if runs > 1:
            again.set()
            await asyncio.Event().wait()
        raise ZeroDivisionError("a mistake")

    supervised = asyncio.create_task(supervise("push", task, restart_s=0))
    async with asyncio.timeout(120):
        await again.wait()
    supervised.cancel()
    (line,) = logged_events(capsys, "task_failed")
    assert line["task"] == "push"
    assert "a mistake" in line["exception"]


async def test_a_client_that_leaves_in_the_middle_is_not_an_error(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.configure("info")
    transport = service.client._transport
    assert isinstance(transport, httpx.ASGITransport)

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        raise AssertionError("nobody is there to be answered")

    await transport.app(
        {
            "type": "http",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "scheme": "http",
            "server": ("service", 80),
            "http_version": "1.1",
        },
        receive,
        send,
    )
    (line,) = logged_events(capsys, "request")
    assert line["status"] == 499


async def test_openapi_names_every_route_and_its_errors(service: Service) -> None:
    document = (await service.client.get("/openapi.json")).json()
    operations = {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert {path for _, path in operations} == {
        "/",
        "/v1/osmand",
        "/v1/owntracks",
        "/v1/traccar",
        "/v1/positions",
        "/v1/positions/last",
        "/v1/positions/live",
        "/v1/devices",
        "/v1/devices/{device_id}",
        "/v1/devices/{device_id}/token",
        "/v1/devices/{device_id}/signing-secret",
        "/v1/devices/{device_id}/clock",
        "/v1/devices/{device_id}/recorrect",
        "/v1/devices/{device_id}/positions",
        "/v1/devices/{device_id}/track",
        "/v1/devices/{device_id}/export",
        "/v1/devices/{device_id}/days",
        "/v1/quarantine",
        "/v1/quarantine/replay",
        "/v1/quarantine/{message_id}",
        "/v1/quarantine/{message_id}/replay",
        "/v1/events",
        "/v1/events/resend",
        "/v1/events/{uuid}",
        "/v1/events/{uuid}/resend",
        "/v1/facts/parked",
        "/v1/facts/parked/{device_id}/retry",
        "/v1/geofences",
        "/v1/geofences/{geofence_id}",
        "/v1/vehicles/{vehicle_identifier}/trip",
        "/livez",
        "/readyz",
        "/metrics",
    }
    native = operations["post", "/v1/positions"]
    assert {"400", "401", "403", "413", "415", "429", "503"} <= set(native["responses"])
    assert "application/x-ndjson" in native["requestBody"]["content"]
    assert len({item["operationId"] for item in operations.values()}) == len(operations)
