"""The GPS service alone, on a database of its own: for drills and measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devtools.commands import run
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.ports import LOOPBACK
from devtools.postgres import Cluster
from devtools.processes import ProcessIdentity
from devtools.services import ProgramService
from devtools.web import answers, request

DATABASE = "gps"
# Of a database that lives for a minute, on 127.0.0.1.
TOKEN = "lone-service"  # nosec


@dataclass(frozen=True)
class LoneService:
    """A service that pushes nowhere, and takes every token to be the same one.

    :param port: TCP port on 127.0.0.1.
    :param settings: further environment variables of the service.
    """

    layout: Layout
    cluster: Cluster
    port: int
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{LOOPBACK}:{self.port}"

    @contextmanager
    def running(self) -> Iterator[ProcessIdentity]:
        """Migrate the database, run the service until the end of the block.

        :raises DevtoolsError: one of both failed.
        """
        program = [str(self.layout.python("gps")), "-m", "gps_ingestion_service"]
        environment = clean_environment(
            {
                "PYTHONPATH": str(self.layout.service / "src"),
                "GPS_DATABASE_URL": self.cluster.url(
                    "postgres", self.cluster.password, DATABASE
                ),
                "GPS_ADMIN_TOKEN": TOKEN,
                "GPS_INGEST_TOKEN": TOKEN,
                **self.settings,
            }
        )
        place, ready = self.layout.service, f"{self.url}/readyz"
        run(
            [*program, "migrate"],
            log=self.log,
            what="migrating",
            cwd=place,
            env=environment,
        )
        service = ProgramService(
            "the GPS service",
            [*program, "serve", "--host", LOOPBACK, "--port", str(self.port)],
            environment,
            place,
            self.log,
            lambda: answers(ready),
            lambda: answers(ready),
        )
        process = service.launch()
        try:
            service.wait_ready(process)
            yield process
        finally:
            process.end()

    def register(self, device_id: str, vehicle: str) -> None:
        """Make a device known.

        :raises DevtoolsError: the service refused it.
        """
        answer = request(
            f"{self.url}/v1/devices/{device_id}",
            method="PUT",
            payload={"vehicle_identifier": vehicle, "version": 1, "enabled": True},
            token=TOKEN,
        )
        if answer.status != 201:
            raise DevtoolsError(f"the service refused a device: {answer.status}")
