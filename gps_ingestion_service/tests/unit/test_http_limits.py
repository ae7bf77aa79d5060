"""What an HTTP port bears: many, slow, silent and large senders, on real sockets."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.service import (
    GATEWAY,
    Service,
    eventually,
    http_client,
    over_http,
    provision,
    row,
    settings_for,
)
from support.sockets import Link, linked

from gps_ingestion_service.database import Connection
from gps_ingestion_service.settings import Settings, SettingsError, load

KIB = 1024
HEAD = (
    "POST /v1/positions HTTP/1.1\r\nHost: gps\r\n"
    f"Authorization: {GATEWAY['Authorization']}\r\n"
    "Content-Type: application/json\r\n"
)


@asynccontextmanager
async def port_of(url: str, **limits: Any) -> AsyncIterator[tuple[Service, str, int]]:
    """A service with these limits, its URL and its port."""
    async with over_http(settings_for(url, **limits)) as (service, address):
        await service.state.registry.load()
        yield service, address, int(address.rpartition(":")[2])


def post(body: bytes, announced: int | None = None) -> bytes:
    """A request with that body, or with the first part of an announced one."""
    length = len(body) if announced is None else announced
    return f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + body


async def answer(link: Link) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and JSON of the next answer."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = await link.receive(1)
        assert byte, head
        head += byte
    first, *lines = head.decode().strip().split("\r\n")
    headers = {
        name.lower(): value
        for name, _, value in (line.partition(": ") for line in lines)
    }
    body = await link.receive(int(headers["content-length"]))
    return int(first.split()[1]), headers, json.loads(body)


def sample(service: Service, name: str, **labels: str) -> float:
    """A number of the metrics page."""
    return service.state.metrics.registry.get_sample_value(name, labels) or 0.0


def ends(service: Service, reason: str) -> float:
    """Connections that a limit ended."""
    return sample(service, "gps_http_connections_ended_total", reason=reason)


async def test_a_silent_connection_is_closed_without_a_word(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url, http_head_timeout_s=0.2) as (service, _, port):
        async with linked(port) as link:
            assert await link.is_closed()
        assert ends(service, "silent") == 1


@pytest.mark.parametrize("kept", [False, True])
async def test_a_head_that_comes_byte_by_byte_is_refused(
    migrated_url: str, db: Connection, kept: bool
) -> None:
    async with port_of(migrated_url, http_head_timeout_s=0.3) as (service, _, port):
        async with linked(port) as link:
            if kept:
                await link.send(post(json.dumps([row()]).encode()))
                assert (await answer(link))[0] == 200
            slow = asyncio.create_task(dribble(link, HEAD.encode() * 1000))
            status, headers, body = await answer(link)
            assert (status, body["error"]["code"]) == (408, "head_timeout")
            assert headers["connection"] == "close"
            assert await link.is_closed()
            slow.cancel()
        assert ends(service, "head_timeout") == 1


async def dribble(link: Link, data: bytes) -> None:
    """Send a byte, and another one, as long as somebody takes them."""
    for byte in data:
        try:
            await link.send(bytes([byte]))
        except ConnectionError:
            return
        await asyncio.sleep(0.01)


async def test_line_breaks_do_not_keep_a_connection_open(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url, http_head_timeout_s=0.3) as (service, _, port):
        async with linked(port) as link:
            slow = asyncio.create_task(dribble(link, b"\r\n" * 10_000))
            assert await link.is_closed()
            slow.cancel()
        assert ends(service, "silent") + ends(service, "head_timeout") == 1


async def test_a_head_without_an_end_is_refused(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url) as (service, _, port):
        async with linked(port) as link:
            await link.send(HEAD.encode())
            for _ in range(200):
                await link.send(b"X-Noise: " + b"x" * KIB + b"\r\n")
            status, _, body = await answer(link)
        assert (status, body["error"]["code"]) == (431, "head_too_large")
        assert ends(service, "head_too_large") == 1


async def test_a_body_that_comes_byte_by_byte_is_refused_and_nothing_is_stored(
    migrated_url: str, db: Connection
) -> None:
    body = json.dumps([row()]).encode()
    async with port_of(migrated_url, http_body_timeout_s=0.3) as (service, _, port):
        async with linked(port) as link:
            await link.send(post(body[:10], len(body) + 10_000))
            slow = asyncio.create_task(dribble(link, body[10:] + b" " * 10_000))
            status, _, said = await answer(link)
            assert (status, said["error"]["code"]) == (408, "body_timeout")
            assert await link.is_closed()
            slow.cancel()
        assert ends(service, "body_timeout") == 1
        await nothing_held(service)
    assert await db.fetchval("SELECT count(*) FROM fix") == 0


async def nothing_held(service: Service) -> None:
    """Return once no byte of a body is held any more."""

    async def given_back() -> bool:
        return sample(service, "gps_held_bytes") == 0

    await eventually(given_back, "what was held is given back")


async def test_a_body_that_goes_on_after_its_answer_is_ended_too(
    migrated_url: str, db: Connection
) -> None:
    head = HEAD.replace("the-ingest-token", "wrong")
    async with port_of(migrated_url, http_body_timeout_s=0.3) as (service, _, port):
        async with linked(port) as link:
            await link.send(f"{head}Content-Length: 10000\r\n\r\n[".encode())
            status, _, _ = await answer(link)
            assert status == 401
            slow = asyncio.create_task(dribble(link, b" " * 10_000))
            assert await link.is_closed()
            slow.cancel()
        assert ends(service, "body_timeout") == 1


async def test_connections_past_the_limit_are_told_to_come_again(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url, http_max_connections=2) as (service, url, port):
        async with linked(port) as first, linked(port) as second:
            await first.send(b"G")
            await second.send(b"G")

            async def both_are_here() -> bool:
                return sample(service, "gps_http_connections") == 2

            await eventually(both_are_here, "two connections are open")
            async with linked(port) as third:
                await third.send(post(json.dumps([row()]).encode()))
                status, headers, body = await answer(third)
                assert (status, headers["retry-after"]) == (503, "5")
                assert body["error"]["code"] == "too_many_connections"
                assert await third.is_closed()
            async with http_client(url) as probe:
                assert (await probe.get("/livez")).status_code == 200
                assert (await probe.post("/v1/positions")).status_code == 503
        page = await service.metrics()
        assert 'gps_requests_refused_total{code="too_many_connections"} 2.0' in page


async def test_far_past_the_limit_nobody_is_told_anything(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url, http_max_connections=1) as (service, _, port):
        links = [linked(port) for _ in range(101)]
        held = [await link.__aenter__() for link in links]

        async def all_are_here() -> bool:
            return sample(service, "gps_http_connections") == 101

        await eventually(all_are_here, "the connections are open")
        async with linked(port) as one_more:
            assert await one_more.is_closed()
        assert ends(service, "too_many_connections") == 1
        assert len(held) == 101
        for link in links:
            await link.__aexit__(None, None, None)


async def test_all_bodies_together_are_limited_and_the_rest_is_told_to_wait(
    migrated_url: str, db: Connection
) -> None:
    limits = {"max_held_bytes": 64 * KIB, "max_body_bytes": 60 * KIB}
    async with port_of(migrated_url, **limits) as (service, _, port):
        async with linked(port) as open_one, linked(port) as other:
            await open_one.send(post(b" " * 50 * KIB, 50 * KIB + 500))

            async def held() -> bool:
                return sample(service, "gps_held_bytes") == 50 * KIB

            await eventually(held, "the open body is held")
            await other.send(post(b" " * 20 * KIB))
            status, headers, body = await answer(other)
            assert (status, headers["retry-after"]) == (503, "1")
            assert body["error"]["code"] == "too_many_bytes"
            await service.provision("OPEN-1")
            rows = json.dumps([row(device_id="OPEN-1")]).encode()
            await open_one.send(rows.ljust(500))
            status, _, body = await answer(open_one)
            assert (status, body["accepted"]) == (200, 1)
        await nothing_held(service)


async def test_what_a_sender_held_that_hung_up_is_given_back(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url) as (service, _, port):
        async with linked(port) as link:
            await link.send(post(b" " * KIB, 2 * KIB))

            async def held() -> bool:
                return sample(service, "gps_held_bytes") == KIB

            await eventually(held, "the open body is held")
        await nothing_held(service)


async def test_every_route_refuses_a_body_that_is_too_large(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url, max_body_bytes=KIB) as (_, url, _):
        async with http_client(url) as client:
            await provision(client, "BODY-1", "MH1")
            for path in ("/v1/devices/BODY-1", "/v1/positions"):
                method = "PUT" if "devices" in path else "POST"
                response = await client.request(
                    method, path, content=b" " * 3 * KIB, headers=GATEWAY
                )
                assert response.status_code == 413
                assert response.json()["error"]["code"] == "body_too_large"


async def test_a_sender_that_does_not_take_its_answers_is_hung_up_on(
    migrated_url: str, db: Connection
) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: gps\r\n\r\n"
    async with port_of(migrated_url, http_body_timeout_s=0.3) as (service, _, port):
        async with linked(port) as link:

            async def hung_up_on() -> bool:
                try:
                    await link.send(request * 20)
                except ConnectionError:
                    return True
                return ends(service, "does_not_read") == 1

            await eventually(hung_up_on, "the service hangs up")
        assert ends(service, "does_not_read") == 1


async def test_requests_that_come_in_one_piece_are_answered_in_their_order(
    migrated_url: str, db: Connection
) -> None:
    async with port_of(migrated_url) as (service, _, port):
        await service.provision("PIPE-1")
        rows = [[row(seconds, device_id="PIPE-1")] for seconds in (3, 2, 1)]
        async with linked(port) as link:
            await link.send(b"".join(post(json.dumps(part).encode()) for part in rows))
            for _ in rows:
                status, _, body = await answer(link)
                assert (status, body["accepted"]) == (200, 1)
        await nothing_held(service)


def test_a_budget_below_one_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPS_DATABASE_URL", "postgresql://nowhere")
    monkeypatch.setenv("GPS_ADMIN_TOKEN", "the-admin-token")
    monkeypatch.setenv("GPS_MAX_HELD_BYTES", "1000000")
    with pytest.raises(SettingsError, match=re.escape("GPS_MAX_BODY_BYTES")):
        load(Settings)
