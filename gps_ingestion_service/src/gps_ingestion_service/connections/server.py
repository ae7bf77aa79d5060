"""uvicorn's server, stopped within the time that a stop may take."""

import asyncio
import socket
from math import floor

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gps_ingestion_service.connections.drain import SENDERS
from gps_ingestion_service.settings import Settings
from gps_ingestion_service.state import State


class Server(uvicorn.Server):
    """A server whose stop waits neither for streams that never end nor for senders
    that are too slow."""

    def __init__(self, app: FastAPI, host: str, port: int, settings: Settings) -> None:
        protocol: type[HttpToolsProtocol] = app.state.protocol
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="uvloop",
                http=protocol,
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                forwarded_allow_ips=settings.forwarded_allow_ips,
                timeout_keep_alive=settings.http_keep_alive_s,
                # uvicorn counts whole seconds.
                timeout_graceful_shutdown=floor(settings.drain_s * SENDERS),
            )
        )
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, answer what came whole, over every transport at once, and
        close."""
        state: State = self._app.state.gps
        state.drain.begin()
        state.live.close()
        trackers = asyncio.create_task(
            state.listeners.stop(state.drain.left_s(SENDERS))
        )
        await super().shutdown(sockets)
        await trackers
