"""Every port that the settings name, opened and closed together."""

import asyncio

import structlog

from gps_ingestion_service.formats import TRACKER_FORMATS
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.settings import Settings
from gps_ingestion_service.trackers.connection import Patience
from gps_ingestion_service.trackers.datagram import DatagramListener
from gps_ingestion_service.trackers.intake import Intake
from gps_ingestion_service.trackers.stream import StreamListener

log = structlog.stdlib.get_logger(__name__)


class Listeners:
    """The listeners of one process; ``ports`` says where they are, by format."""

    def __init__(self, settings: Settings, intake: Intake, metrics: Metrics) -> None:
        self._settings = settings
        self._intake = intake
        self._metrics = metrics
        self._open: list[StreamListener | DatagramListener] = []
        self.ports: dict[str, int] = {}

    async def start(self, host: str) -> None:
        """Open the ports.

        Raises:
            OSError: a port cannot be had; the log names it.
        """
        for name, port in self._settings.ports.items():
            try:
                await self._start(name, host, port)
            except OSError:
                log.error("tracker_port_taken", protocol=name, host=host, port=port)
                raise

    async def _start(self, name: str, host: str, port: int) -> None:
        settings = self._settings
        tracker = TRACKER_FORMATS[name]
        stream = StreamListener(
            tracker,
            self._intake,
            self._metrics,
            Patience(
                login_s=settings.tracker_login_timeout_s,
                idle_s=settings.tracker_idle_timeout_s,
                frame_s=settings.tracker_frame_timeout_s,
            ),
            settings.tracker_max_connections,
            settings.tracker_max_per_address,
        )
        self.ports[name] = await stream.start(host, port)
        self._open.append(stream)
        if tracker.decode_datagram is not None:
            datagrams = DatagramListener(tracker, self._intake)
            await datagrams.start(host, self.ports[name])
            self._open.append(datagrams)
        log.info("tracker_port_open", protocol=name, host=host, port=self.ports[name])

    async def stop(self, patience_s: float) -> None:
        """Answer what is in hand, for that long at most, then close every port."""
        listeners, self._open = self._open, []
        await asyncio.gather(*(listener.stop(patience_s) for listener in listeners))
