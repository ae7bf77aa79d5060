"""The DNS server of the cluster: Services of the API, served on the node.

    python -m delivery.platform.name_server --kubeconfig FILE --address 10.89.0.2

Debian has no CoreDNS. This server lists and watches Services and Endpoints and
answers over UDP and TCP from what it last saw.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import logging
import ssl
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import dns.exception
import dns.message
import yaml

from delivery.platform.names import Table, respond, table_of

LOG = logging.getLogger("name_server")
PORT = 53
WATCH_S = 300
RETRY_S = 1.0
Objects = dict[tuple[str, str], dict[str, Any]]


class Cluster:
    """The Services and Endpoints of a cluster, kept up to date."""

    def __init__(self) -> None:
        """Start with no names at all."""
        self.objects: dict[str, Objects] = {"services": {}, "endpoints": {}}
        self.table = Table()

    def replace(self, kind: str, items: list[dict[str, Any]]) -> None:
        """Take a whole list of one kind."""
        self.objects[kind] = {_key(item): item for item in items}
        self._rebuild()

    def apply(self, kind: str, event: dict[str, Any]) -> None:
        """Take one watch event; raises ValueError when the watch is out of date."""
        if event["type"] == "ERROR":
            raise ValueError(event["object"].get("message", "watch failed"))
        entry = event["object"]
        if event["type"] == "DELETED":
            self.objects[kind].pop(_key(entry), None)
        else:
            self.objects[kind][_key(entry)] = entry
        self._rebuild()

    def _rebuild(self) -> None:
        services, endpoints = self.objects["services"], self.objects["endpoints"]
        self.table = table_of(services.values(), endpoints.values())


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["metadata"]["namespace"], entry["metadata"]["name"]


def answer(wire: bytes, table: Table) -> bytes | None:
    """Return the response to a message as it came; None when it is no DNS."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    return respond(query, table).to_wire()


class Datagrams(asyncio.DatagramProtocol):
    """DNS over UDP (RFC 1035, 4.2.1)."""

    def __init__(self, table: Callable[[], Table]) -> None:
        """Answer from what `table` returns at the time."""
        self.table = table
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer one message."""
        response = answer(data, self.table())
        if response is not None and self.transport is not None:
            self.transport.sendto(response, addr)


async def serve_stream(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    table: Callable[[], Table],
) -> None:
    """DNS over TCP: each message after its length in two bytes (4.2.2)."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(2), "big")
            response = answer(await reader.readexactly(length), table())
            if response is None:
                return
            writer.write(len(response).to_bytes(2, "big") + response)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def follow(session: aiohttp.ClientSession, cluster: Cluster, kind: str) -> None:
    """List and watch one kind of object for ever; a lost watch starts over."""
    while True:
        try:
            await _list_and_watch(session, cluster, kind)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            LOG.warning("%s: %s; asking again", kind, error)
            await asyncio.sleep(RETRY_S)


async def _list_and_watch(
    session: aiohttp.ClientSession, cluster: Cluster, kind: str
) -> None:
    async with session.get(f"/api/v1/{kind}", raise_for_status=True) as response:
        listed = await response.json()
    cluster.replace(kind, listed["items"])
    query = {
        "watch": "1",
        "resourceVersion": listed["metadata"]["resourceVersion"],
        "timeoutSeconds": str(WATCH_S),
    }
    path = f"/api/v1/{kind}"
    async with session.get(path, params=query, raise_for_status=True) as response:
        async for line in response.content:
            cluster.apply(kind, json.loads(line))


def open_session(kubeconfig: Path) -> aiohttp.ClientSession:
    """Return an HTTP session to the API server that a kubeconfig names."""
    settings = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    server = settings["clusters"][0]["cluster"]
    user = settings["users"][0]["user"]
    authority = base64.b64decode(server["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile() as pair:
        for part in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[part]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return aiohttp.ClientSession(
        server["server"],
        connector=aiohttp.TCPConnector(ssl=context),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=5, sock_read=WATCH_S + 30
        ),
        # One event is one line, and an object may be as large as etcd allows.
        read_bufsize=4 * 1024 * 1024,
    )


async def serve(kubeconfig: Path, address: str, port: int) -> None:
    """Serve until cancelled."""
    cluster = Cluster()
    loop = asyncio.get_running_loop()
    datagrams, _ = await loop.create_datagram_endpoint(
        lambda: Datagrams(lambda: cluster.table), local_addr=(address, port)
    )
    with contextlib.closing(datagrams):
        server = await asyncio.start_server(
            lambda reader, writer: serve_stream(reader, writer, lambda: cluster.table),
            address,
            port,
        )
        async with open_session(kubeconfig) as session, server:
            await asyncio.gather(
                *(follow(session, cluster, kind) for kind in cluster.objects)
            )


def main(argv: list[str]) -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m delivery.platform.name_server")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve(options.kubeconfig, options.address, options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
