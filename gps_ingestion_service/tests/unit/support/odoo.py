"""An Odoo for the tests: a real HTTP server that checks what Odoo would check."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.service import listen

SECRET = "odoo-and-service-share-this"


class FakeOdoo:
    """Keeps the newest position per vehicle, as ``tms.vehicle.position`` does.

    ``answers`` holds prepared responses that are given, in order, before it starts
    to answer by itself; ``refused`` vehicles make a batch that holds them a 400.
    """

    def __init__(self) -> None:
        self.url = ""
        self.vehicles: set[str] = set()
        self.invalid: set[str] = set()
        self.refused: set[str] = set()
        self.positions: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.event_calls = 0
        self.batches: list[list[str]] = []
        self.batch_ids: set[str] = set()
        self.answers: list[Response] = []
        self.bad_signatures = 0
        self._changed = asyncio.Condition()
        self._asked = asyncio.Event()
        self._released = asyncio.Event()
        self._released.set()

    async def receive(self, request: Request) -> Response:
        """The signed endpoint."""
        body = await request.body()
        stamp = request.headers.get("x-tms-timestamp", "")
        mac = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        expected = f"v1={mac.hexdigest()}"
        if (
            not hmac.compare_digest(
                expected, request.headers.get("x-tms-signature", "")
            )
            or abs(time.time() - int(stamp)) > 300
        ):
            self.bad_signatures += 1
            return error(401, "bad_signature")
        self._asked.set()
        await self._released.wait()
        async with self._changed:
            response = self._answer(json.loads(body))
            self._changed.notify_all()
        return response

    def _answer(self, document: dict[str, Any]) -> Response:
        if "events" in document:
            return self._answer_events(document["events"])
        positions = document["positions"]
        names = [position["vehicle_identifier"] for position in positions]
        self.batches.append(names)
        self.batch_ids.add(document["batch_id"])
        if self.answers:
            return self.answers.pop(0)
        if len(positions) > 500:
            return error(413, "too_many_positions")
        if self.refused.intersection(names):
            return error(400, "invalid_body")
        return JSONResponse({"results": [self._keep(item) for item in positions]})

    def _answer_events(self, events: list[dict[str, Any]]) -> Response:
        self.event_calls += 1
        if self.answers:
            return self.answers.pop(0)
        if self.refused.intersection(event["vehicle_identifier"] for event in events):
            return error(400, "invalid_body")
        return JSONResponse({"results": [self._keep_event(item) for item in events]})

    def _keep_event(self, event: dict[str, Any]) -> dict[str, str]:
        name = event["vehicle_identifier"]
        known = self.events.get(event["uuid"])
        result = {"uuid": event["uuid"]}
        if name in self.invalid:
            return {**result, "status": "invalid", "reason": "kind: unknown"}
        if name not in self.vehicles:
            return {**result, "status": "unknown_vehicle"}
        if known is not None and known["revision"] >= event["revision"]:
            return {**result, "status": "stale"}
        self.events[event["uuid"]] = event
        return {**result, "status": "stored"}

    def _keep(self, position: dict[str, Any]) -> dict[str, str]:
        name = position["vehicle_identifier"]
        known = self.positions.get(name)
        if name in self.invalid:
            status = "invalid"
        elif name not in self.vehicles:
            status = "unknown_vehicle"
        elif known is not None and known["fix_time"] >= position["fix_time"]:
            status = "stale"
        else:
            self.positions[name] = position
            status = "stored"
        return {"vehicle_identifier": name, "status": status}

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Take calls but answer none of them before the block ends."""
        self._asked.clear()
        self._released.clear()
        yield
        self._released.set()

    async def wait_until_asked(self) -> None:
        """Return once a call is here, answered or not."""
        async with asyncio.timeout(120):
            await self._asked.wait()

    async def wait_for_calls(self, count: int) -> None:
        """Return once that many batches came."""
        async with asyncio.timeout(120), self._changed:
            await self._changed.wait_for(lambda: len(self.batches) >= count)

    async def wait_for(self, vehicle: str, latitude: float) -> None:
        """Return once the vehicle's kept position has that latitude."""
        async with asyncio.timeout(120), self._changed:
            await self._changed.wait_for(
                lambda: self.positions.get(vehicle, {}).get("latitude") == latitude
            )


def error(status: int, code: str) -> Response:
    """An error as Odoo's endpoint words it."""
    return JSONResponse({"error": {"code": code, "message": code}}, status_code=status)


@asynccontextmanager
async def serving(odoo: FakeOdoo, port: int = 0) -> AsyncIterator[FakeOdoo]:
    """Serve it on 127.0.0.1 until the block ends; then nothing listens there."""
    app = Starlette(
        routes=[
            Route(f"/tms/gps/v1/{name}", odoo.receive, methods=["POST"])
            for name in ("positions", "events")
        ]
    )
    listener = listen(port)
    odoo.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield odoo
    finally:
        server.should_exit = True
        await task
        listener.close()
