"""A small ingestion service on a real local socket, as the interfaces describe it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, AsyncIterator

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def error(status: int, code: str, **headers: str) -> web.Response:
    return web.json_response(
        {"error": {"code": code, "message": f"because of {code}"}},
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@dataclass
class Service:
    """Stores fixes by (device, time); ``faults`` are answered first, in order."""

    faults: list[web.Response] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    stored: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    arrivals: list[list[tuple[str, str]]] = field(default_factory=list)
    rejects: Callable[[dict[str, Any]], bool] = lambda row: False
    tokens: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/positions", self.positions)
        app.router.add_get("/v1/osmand", self.osmand)
        app.router.add_post("/v1/osmand", self.traccar)
        return app

    async def positions(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"])
        return self._answer(await request.json(), unknown_status=404)

    async def osmand(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.tokens.append(query.pop("token"))
        moment = datetime.fromtimestamp(int(query["timestamp"]), UTC)
        row = {
            **query,
            "device_id": query["id"],
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        answer = self._answer([row], unknown_status=400)
        return answer if answer.status != 200 else web.Response()

    async def traccar(self, request: web.Request) -> web.Response:
        self.tokens.append(request.query["token"])
        body = await request.json()
        found = body["location"]
        locations = found if isinstance(found, list) else [found]
        rows = [{"device_id": body["device_id"], **where} for where in locations]
        answer = self._answer(rows, unknown_status=404)
        return answer if answer.status != 200 else web.Response()

    def _answer(self, rows: list[dict[str, Any]], unknown_status: int) -> web.Response:
        self.heard.set()
        self.arrivals.append([(row["device_id"], row["timestamp"]) for row in rows])
        if self.faults:
            return self.faults.pop(0)
        if {row["device_id"] for row in rows} & self.unknown:
            return error(unknown_status, "unknown_device")
        results = []
        for index, row in enumerate(rows):
            key = (row["device_id"], row["timestamp"])
            status = "duplicate" if key in self.stored else "accepted"
            if self.rejects(row):
                results.append(
                    {"index": index, "status": "rejected", "code": "x", "reason": "y"}
                )
                continue
            self.stored.setdefault(key, row)
            results.append({"index": index, "status": status})
        return web.Response(
            text=json.dumps({"results": results}), content_type="application/json"
        )


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[str]:
    """Serve on a free local port; yields the base URL."""
    runner = web.AppRunner(service.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
