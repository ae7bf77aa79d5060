"""The service under test, in this process or in one of its own."""

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from support.leash import LEASH

from gps_ingestion_service.app import create_app
from gps_ingestion_service.settings import Settings
from gps_ingestion_service.state import State

SOURCE_PATH = Path(__file__).parents[3]
ADMIN = {"Authorization": "Bearer the-admin-token"}
GATEWAY = {"Authorization": "Bearer the-ingest-token"}


class _GivenSettings(Settings):
    """Settings that are not looked for in the environment as well."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings_for(url: str, **changes: Any) -> Settings:
    """Settings of a service on that database."""
    values: dict[str, Any] = {
        "database_url": url,
        "admin_token": "the-admin-token",
        "ingest_token": "the-ingest-token",
        "push_interval_s": 0.05,
        "push_backoff_max_s": 0.1,
        "connect_timeout_s": 10,
        # Tests of the facts switch them on; for the others they would be work only.
        "facts": False,
        "facts_interval_s": 0.05,
    }
    return _GivenSettings(**{**values, **changes})


# Nobody speaks TLS here, and httpx would read certificates for each client.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_client(url: str, timeout_s: float = 5.0) -> httpx.AsyncClient:
    """A client for what the tests serve on 127.0.0.1."""
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, verify=NO_CERTIFICATES)


@dataclass
class Service:
    """A running service and an HTTP client for it."""

    client: httpx.AsyncClient
    state: State
    app: FastAPI

    async def provision(
        self, device_id: str, vehicle: str = "MH12AB1234", *, enabled: bool = True
    ) -> dict[str, str]:
        """Create a device and return the header with its token."""
        return await provision(self.client, device_id, vehicle, enabled=enabled)

    async def post(self, rows: object, headers: dict[str, str]) -> httpx.Response:
        """Send native rows."""
        return await self.client.post("/v1/positions", json=rows, headers=headers)

    async def metrics(self) -> str:
        """The page that Prometheus scrapes."""
        return (await self.client.get("/metrics")).text


async def provision(
    client: httpx.AsyncClient, device_id: str, vehicle: str, *, enabled: bool = True
) -> dict[str, str]:
    """Create a device and return the header with its token."""
    response = await client.put(
        f"/v1/devices/{device_id}",
        json={"vehicle_identifier": vehicle, "version": 1, "enabled": enabled},
        headers=ADMIN,
    )
    assert response.status_code == 201, response.text
    response = await client.post(f"/v1/devices/{device_id}/token", headers=ADMIN)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['token']}"}


# FastAPI prepares the routes of each application anew when the first requests come,
# and that takes longer than most tests. All that a route needs is in its request.
_ROUTES = create_app(settings_for("postgresql://nowhere")).router.routes


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[Service]:
    """The application with its lifespan, spoken to over ASGI."""
    app = create_app(settings)
    app.router.routes = _ROUTES
    async with app.router.lifespan_context(app):
        state: State = app.state.gps
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service"
        ) as client:
            yield Service(client, state, app)


def listen(port: int = 0) -> socket.socket:
    """A socket for a server on 127.0.0.1."""
    # Of sockets that are not TCP by name, asyncio leaves Nagle's algorithm on, and each
    # answer would wait 40 ms for an acknowledgement. uvloop asks for no name.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def over_http(settings: Settings) -> AsyncIterator[tuple[Service, str]]:
    """The same on a port of 127.0.0.1, and its URL."""
    async with in_process(settings) as service:
        listener = listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = service.app
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=app.state.protocol,
                log_config=None,
                lifespan="off",
                ws="none",
            )
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield service, url
        finally:
            server.should_exit = True
            await task
            listener.close()


def variables(settings: Settings) -> dict[str, str]:
    """The environment that says what was set of these settings."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {
        f"GPS_{name}".upper(): (
            value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        )
        for name, value in values.items()
        if value is not None
    }


def unmeasured() -> dict[str, str]:
    """The environment of a program that is not under test: coverage would follow it
    as well, and that takes a third of the time."""
    return {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"}


class ServiceProcess:
    """``python -m gps_ingestion_service serve`` with its own port."""

    def __init__(self, settings: Settings, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.settings = settings
        self.log = log
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GPS_")},
            **variables(settings),
            "GPS_CONNECT_TIMEOUT_S": "2",
        }
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and return once it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *LEASH, sys.executable, "-m", "gps_ingestion_service", "serve",
                    "--port", str(self._port),
                ],
                cwd=SOURCE_PATH,
                env=self._environment,
                stderr=log,
            )  # fmt: skip
        await self.wait_ready()

    async def wait_ready(self) -> None:
        """Return once ``/readyz`` says so."""

        async with http_client(self.url) as client:

            async def ready() -> bool:
                try:
                    response = await client.get("/readyz")
                except httpx.TransportError:
                    return False
                return response.status_code == 200

            await eventually(ready, "the service is ready")

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 120)

    def end(self) -> None:
        """Make sure that nothing is left behind."""
        if self.is_running:
            self.kill()


async def eventually(check: Any, what: str) -> None:
    """Ask again until ``check`` says yes; the only wait by the clock in the tests."""
    deadline = asyncio.get_running_loop().time() + 120
    while not await check():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)


def row(seconds_ago: float = 0, **values: Any) -> dict[str, Any]:
    """A good native row of that age; further values replace or extend it."""
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {
        "latitude": 18.5204,
        "longitude": 73.8567,
        "timestamp": time.isoformat(),
        **values,
    }
