"""A stop answers what it can and then ends, whoever is slow."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from support.postgres import free_port
from support.service import (
    GATEWAY,
    ServiceProcess,
    eventually,
    http_client,
    provision,
    row,
    settings_for,
)
from support.sockets import Link, linked, logged_in
from support.trackers import IMEI, frame, gt06, gt06_login, recent

from gps_ingestion_service.connections.drain import (
    ALL,
    COMMIT,
    SENDERS,
    Drain,
    end_within,
)
from gps_ingestion_service.database import Connection
from gps_ingestion_service.settings import Settings

KUBE = Path(__file__).parents[2] / "kube" / "base"
# For the process to start to stop, and to be gone.
MARGIN_S = 5
OTHER_IMEI = "356307042440000"
FOR_EVER_S = 3600


def test_every_part_of_a_stop_gets_what_is_left_of_the_whole() -> None:
    now = [100.0]
    drain = Drain(20, clock=lambda: now[0])
    assert drain.left_s(SENDERS) == pytest.approx(12)
    now[0] += 10
    assert drain.left_s(SENDERS) == pytest.approx(2)
    assert drain.left_s(COMMIT) == pytest.approx(6)
    now[0] += 9
    assert drain.left_s(SENDERS) == 0
    assert drain.left_s(ALL) == pytest.approx(1)
    drain.begin()
    assert drain.left_s(ALL) == pytest.approx(1)


async def test_what_does_not_end_in_time_is_cancelled() -> None:
    endless = asyncio.create_task(asyncio.sleep(FOR_EVER_S))
    short = asyncio.create_task(asyncio.sleep(0))
    await end_within([endless, short], 0.05)
    assert endless.cancelled()
    assert not short.cancelled()
    await end_within([], 0.05)


def test_the_orchestrator_waits_longer_than_a_stop_takes() -> None:
    manifest = (KUBE / "deployment.yaml").read_text()
    grace = re.findall(r"terminationGracePeriodSeconds: (\d+)", manifest)
    sleeps = re.findall(r'\["sleep", "(\d+)"\]', manifest)
    drains = re.findall(r"^GPS_DRAIN_S=(\d+)$", (KUBE / "config.env").read_text(), re.M)
    assert len(grace) == len(sleeps) == len(drains) == 1
    assert int(sleeps[0]) + int(drains[0]) + MARGIN_S <= int(grace[0])


def test_the_shares_of_a_stop_are_in_order_and_end_with_the_whole() -> None:
    assert 0 < SENDERS < COMMIT < ALL == 1
    assert Settings.model_fields["drain_s"].default * SENDERS >= 10


async def test_slow_senders_do_not_hold_a_stop(url: str, tmp_path: Path) -> None:
    settings = settings_for(
        url,
        teltonika_port=free_port(),
        gt06_port=free_port(),
        drain_s=3,
        **dict.fromkeys(
            (
                "http_head_timeout_s",
                "http_body_timeout_s",
                "tracker_login_timeout_s",
                "tracker_frame_timeout_s",
                "tracker_idle_timeout_s",
            ),
            FOR_EVER_S,
        ),
    )
    service = ServiceProcess(settings, free_port(), tmp_path / "service.log")
    try:
        await service.start()
        assert await stop_among_slow_senders(service) == 0
    finally:
        service.end()
    assert '"event":"stopped"' in service.log.read_text()


async def stop_among_slow_senders(service: ServiceProcess) -> int:
    """Stop it while each of six senders, or the database, could hold it for long."""
    ports = service.settings
    assert ports.teltonika_port is not None and ports.gt06_port is not None
    http = int(service.url.rpartition(":")[2])
    async with http_client(service.url) as client:
        await provision(client, IMEI, "MH1")
        await provision(client, OTHER_IMEI, "MH2")
    async with (
        locked(ports.database_url.get_secret_value()) as lock,
        linked(http) as head,
        linked(http) as body,
        linked(http) as commit,
        linked(ports.teltonika_port) as no_login,
        logged_in(ports.teltonika_port) as half_frame,
        linked(ports.gt06_port) as takes_nothing,
    ):
        await head.send(b"POST /v1/positions HTTP/1.1\r\nHo")
        await body.send(request(b"[", 99))
        await commit.send(request(json.dumps([row(device_id=IMEI)]).encode()))
        await no_login.send(b"\x00")
        await half_frame.send(frame(recent(0))[:20])
        await takes_nothing.send(gt06_login(OTHER_IMEI))
        await fill(takes_nothing)
        await eventually(lambda: waiting(lock), "the rows wait for the lock")
        status = await service.terminate()
        for told in (body, commit):
            answer = await told.receive(1000)
            assert answer.startswith(b"HTTP/1.1 503") and b'"stopping"' in answer
    return status


def request(body: bytes, announced: int | None = None) -> bytes:
    """A request with that body, or with the first part of a longer one."""
    return (
        b"POST /v1/positions HTTP/1.1\r\nHost: gps\r\n"
        + f"Authorization: {GATEWAY['Authorization']}\r\n".encode()
        + f"Content-Length: {announced or len(body)}\r\n\r\n".encode()
        + body
    )


async def fill(link: Link) -> None:
    """Send heartbeats, and take no answer, until no more of them are taken."""
    beats = gt06(0x13, bytes.fromhex("4B04030001")) * 2000
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.5):
                await link.send(beats)


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[Connection]:
    """A connection that keeps every other one from writing fixes."""
    connection: Connection = await asyncpg.connect(url)
    await connection.execute("BEGIN; LOCK TABLE fix IN SHARE MODE")
    yield connection
    await connection.close()


async def waiting(connection: Connection) -> bool:
    """Whether another connection waits for that lock."""
    question = "SELECT true FROM pg_locks WHERE relation = 'fix'::regclass"
    return bool(await connection.fetchval(f"{question} AND NOT granted"))
