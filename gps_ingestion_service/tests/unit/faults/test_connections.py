"""Crowds of idle, silent and slow connections, and a load that does not suffer."""

import asyncio
import json
import resource
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from faults.conftest import Scale, Settle, serving
from support.load import Load, register
from support.postgres import TEMPLATE, PostgresServer, create_database
from support.service import ServiceProcess, eventually, http_client, unmeasured
from support.sockets import linked, logged_in

UNIT = Path(__file__).parents[1]
FIRST_IMEI = 860_000_000_000_000
FIRST_SLOW_IMEI = 861_000_000_000_000


@pytest.fixture(scope="module")
async def crowded(
    durable: PostgresServer,
    scale: Scale,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ServiceProcess]:
    """A service that all crowds come to, with little patience."""
    url = await create_database(durable, "crowded", TEMPLATE)
    async with serving(
        url,
        tmp_path_factory.mktemp("crowded"),
        http_max_connections=scale.connections,
        http_head_timeout_s=scale.patience_s,
        http_body_timeout_s=scale.patience_s,
        tracker_max_connections=scale.idle + 500,
        tracker_login_timeout_s=scale.patience_s,
        tracker_frame_timeout_s=scale.patience_s,
    ) as process:
        yield process


@asynccontextmanager
async def idle_fleet(
    port: int, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """So many trackers, connected and logged in."""
    fleet = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.idle_fleet"),
        *map(str, (port, FIRST_IMEI, count)),
        cwd=UNIT,
        env=unmeasured(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        assert fleet.stdout is not None
        assert await fleet.stdout.readline() == b"ready\n"
        yield fleet
    finally:
        if fleet.returncode is None:
            fleet.kill()
        await fleet.wait()


async def test_idle_trackers_stay_connected_and_are_heard_when_they_speak(
    crowded: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most > scale.idle + 500, f"raise the limit of open files above {most}"
    imeis = [f"{FIRST_IMEI + number:015d}" for number in range(scale.idle)]
    load = Load(crowded, pause_s=scale.pause_s)
    await register(load.url, imeis)
    async with load.running(), idle_fleet(load.teltonika_port, scale.idle) as fleet:
        await load.goes_on(scale.fixes, scale.rounds * scale.calm_s)
        said, _ = await fleet.communicate(b"\n")
        report = json.loads(said)
        time_ms = report["time_ms"]
        load.ledger.sent.update((imei, time_ms) for imei in imeis)
        assert len(report["acknowledged"]) == scale.idle
        load.ledger.acknowledge((imei, time_ms) for imei in report["acknowledged"])
    await settle(load)


async def test_silent_http_connections_keep_out_neither_probes_nor_trackers(
    crowded: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(crowded, pause_s=scale.pause_s)
    async with load.running():
        with ExitStack() as crowd:
            # At once, and not as this process finds the time: the first ones would be
            # out of patience before there are too many.
            for _ in range(scale.silent):
                address = ("127.0.0.1", load.http_port)
                crowd.enter_context(socket.create_connection(address))
            async with http_client(crowded.url) as probe:
                await eventually(lambda: answers(probe), "a probe is answered")
                await load.goes_on(scale.fixes)
                page = (await probe.get("/metrics")).text
            assert (
                'gps_http_connections_ended_total{reason="too_many_connections"}'
                in page
            )
    await settle(load)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def answers(probe: httpx.AsyncClient) -> bool:
    try:
        return (await probe.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def slow_head(load: Load, imei: str) -> str:
    """A request whose headers never end; the answer's first line."""
    request = b"POST /v1/positions HTTP/1.1\r\nX-Slow: " + b"x" * 10_000
    return await http_answer(load, request)


async def slow_body(load: Load, imei: str) -> str:
    """A request whose body never ends; the answer's first line."""
    head = b"POST /v1/osmand HTTP/1.1\r\nHost: gps\r\nContent-Length: 10000\r\n\r\n"
    return await http_answer(load, b" " * 10_000, head)


async def http_answer(load: Load, drip: bytes, at_once: bytes = b"") -> str:
    async with linked(load.http_port) as link:
        await link.send(at_once)
        return (await link.drip(drip, len("HTTP/1.1 408"))).decode()


async def slow_login(load: Load, imei: str) -> str:
    """A login that never ends; nothing is answered."""
    async with linked(load.teltonika_port) as link:
        await link.send((17).to_bytes(2))
        return (await link.drip(b"1", 1)).decode()


async def slow_frame(load: Load, imei: str) -> str:
    """A frame that never ends; nothing is answered."""
    async with logged_in(load.teltonika_port, imei) as link:
        await link.send(bytes(4) + (9000).to_bytes(4))
        return (await link.drip(bytes(9000), 1)).decode()


SLOW: dict[Callable[[Load, str], Coroutine[None, None, str]], str] = {
    slow_head: "HTTP/1.1 408",
    slow_body: "HTTP/1.1 408",
    slow_login: "",
    slow_frame: "",
}


async def test_a_byte_a_second_holds_nobody_up_and_is_ended(
    crowded: ServiceProcess, scale: Scale, settle: Settle
) -> None:
    imeis = [f"{FIRST_SLOW_IMEI + number:015d}" for number in range(scale.slow)]
    load = Load(crowded, pause_s=scale.pause_s)
    await register(load.url, imeis)
    async with load.running():
        await load.goes_on(scale.fixes)
        async with asyncio.TaskGroup() as group:
            senders: list[tuple[asyncio.Task[str], str]] = [
                (group.create_task(slow(load, imei)), said)
                for slow, said in SLOW.items()
                for imei in imeis
            ]
        assert {(task.result(), said) for task, said in senders} == {
            (said, said) for said in SLOW.values()
        }
        await load.goes_on(scale.fixes)
    await settle(load)
    assert load.ledger.refused == 0
    assert await kept_frames(load.url, imeis) == scale.slow


async def kept_frames(url: str, imeis: list[str]) -> int:
    """How many of these trackers have an unfinished frame in quarantine."""
    connection = await asyncpg.connect(url)
    count: int = await connection.fetchval(
        "SELECT count(DISTINCT device_id) FROM quarantine "
        "WHERE code = 'too_slow' AND device_id = ANY($1)",
        imeis,
    )
    await connection.close()
    return count
