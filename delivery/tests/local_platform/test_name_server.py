"""The DNS server on real sockets, fed by an API server that speaks its protocol."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import pytest
from aiohttp import web

from delivery.platform import cluster_files, name_server
from delivery.platform.layout import Network
from delivery.platform.pki import make_keys

NAME = "odoo-db.tms-staging.svc.cluster.local."


def service(name: str, address: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "tms-staging"}
    return {"metadata": metadata, "spec": {"clusterIP": address}}


class Api:
    """Lists and watches Services, over TLS with client certificates."""

    def __init__(self) -> None:
        self.items = [service("odoo-db", "10.96.0.7")]
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.lists = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if "watch" not in request.query:
            self.lists += kind == "services"
            items = self.items if kind == "services" else []
            body = {"items": items, "metadata": {"resourceVersion": "1"}}
            return web.json_response(body)
        response = web.StreamResponse()
        await response.prepare(request)
        while kind == "services":
            event = await self.events.get()
            await response.write(json.dumps(event).encode() + b"\n")
        await asyncio.Event().wait()
        return response


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Api, int]]:
    """Start an API and the name server; give both."""
    keys = folder / "keys"
    make_keys(keys, Network(), "tms", dt.datetime.now(dt.UTC))
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(keys / "ca.crt")
    )
    context.load_cert_chain(keys / "apiserver.crt", keys / "apiserver.key")
    context.verify_mode = ssl.CERT_REQUIRED
    api = Api()
    app = web.Application()
    app.router.add_get("/api/v1/{kind}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    kubeconfig = folder / "kubeconfig"
    server = f"https://127.0.0.1:{port}"
    kubeconfig.write_text(cluster_files.kubeconfig(server, keys, "dns"))
    dns_port = free_port()
    serving = asyncio.create_task(name_server.serve(kubeconfig, "127.0.0.1", dns_port))
    try:
        yield api, dns_port
    finally:
        serving.cancel()
        try:
            # A server that never came up says here why nobody answered.
            with contextlib.suppress(asyncio.CancelledError):
                await serving
        finally:
            await runner.cleanup()


def free_port() -> int:
    """Return a port that is free for UDP and for TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            with contextlib.suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
                return port


async def eventually(
    port: int, wanted: list[str], name: str = NAME, over_tcp: bool = False
) -> None:
    """Ask until the answer is as wanted; a test that waits for ever is ended."""
    async with asyncio.timeout(120):
        while await resolve(port, name, over_tcp) != wanted:
            continue


async def resolve(port: int, name: str, over_tcp: bool) -> list[str]:
    ask: Callable[..., Awaitable[dns.message.Message]] = (
        dns.asyncquery.tcp if over_tcp else dns.asyncquery.udp
    )
    query = dns.message.make_query(name, "A")
    try:
        response = await ask(query, "127.0.0.1", timeout=2, port=port)
    except (OSError, dns.exception.Timeout):
        return ["nobody answers"]
    return [str(value) for record in response.answer for value in record]


@pytest.mark.parametrize("over_tcp", [False, True])
def test_a_listed_service_resolves(tmp_path: Path, over_tcp: bool) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as (_, port):
            await eventually(port, ["10.96.0.7"], over_tcp=over_tcp)

    asyncio.run(scenario())


def test_changes_are_followed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as (api, port):
            await eventually(port, ["10.96.0.7"])
            moved = service("odoo-db", "10.96.0.8")
            await api.events.put({"type": "MODIFIED", "object": moved})
            await eventually(port, ["10.96.0.8"])
            await api.events.put({"type": "DELETED", "object": moved})
            await eventually(port, [])

    asyncio.run(scenario())


def test_a_watch_that_went_out_of_date_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_server, "RETRY_S", 0)

    async def scenario() -> None:
        async with running(tmp_path) as (api, port):
            await eventually(port, ["10.96.0.7"])
            api.items = [service("odoo-db", "10.96.0.9")]
            error = {"type": "ERROR", "object": {"message": "too old"}}
            await api.events.put(error)
            await eventually(port, ["10.96.0.9"])
            assert api.lists == 2

    asyncio.run(scenario())


def test_what_is_no_dns_gets_no_answer() -> None:
    assert name_server.answer(b"hello", name_server.Cluster().table) is None


def test_a_broken_message_ends_the_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as (_, port):
            await eventually(port, ["10.96.0.7"], over_tcp=True)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x00\x05hello")
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_the_command_line_names_file_and_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[object] = []

    async def serve(*arguments: object) -> None:
        seen.extend(arguments)

    monkeypatch.setattr(name_server, "serve", serve)
    command = ["--kubeconfig", "/x/dns.kubeconfig", "--address", "10.89.0.2"]
    assert name_server.main(command) == 0
    assert seen == [Path("/x/dns.kubeconfig"), "10.89.0.2", 53]


def test_credentials_are_not_left_on_disk(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    make_keys(keys, Network(), "tms", dt.datetime.now(dt.UTC))
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster_files.kubeconfig("https://127.0.0.1:1", keys, "dns"))
    before = set(tmp_path.rglob("*"))

    async def scenario() -> None:
        session = name_server.open_session(kubeconfig)
        await session.close()

    asyncio.run(scenario())
    assert set(tmp_path.rglob("*")) == before
