"""The processes of an instance: how each is started, and known to be ready."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devtools.errors import DevtoolsError
from devtools.postgres import Cluster
from devtools.processes import ProcessIdentity, last_lines, spawn
from devtools.waiting import wait_until

NAMES = ("postgres", "gps", "odoo", "simulator")

# Nothing ends before what depends on it has ended.
END_ORDER = (("simulator",), ("odoo", "gps"), ("postgres",))

# For PostgreSQL this is the fast shutdown, which leaves all data on the disk.
END_SIGNALS: Mapping[str, int] = {"postgres": signal.SIGINT}
END_TIMEOUT_S: Mapping[str, float] = {"postgres": 60.0}


def end_signal(service: str) -> int:
    """The signal that asks a service to end in good order."""
    return END_SIGNALS.get(service, signal.SIGTERM)


def end_timeout_s(service: str) -> float:
    """How long a service may take to end before it is killed."""
    return END_TIMEOUT_S.get(service, 20.0)


class Service(Protocol):
    """One long-running process of an instance."""

    @property
    def name(self) -> str:
        """Name in commands and messages."""

    @property
    def log(self) -> Path:
        """File that its output goes to."""

    def launch(self) -> ProcessIdentity:
        """Start the process."""

    def wait_ready(self, process: ProcessIdentity) -> None:
        """Wait until it does its work.

        :raises DevtoolsError: when it ends or is not ready in time.
        """

    def healthy(self) -> bool:
        """Whether it does its work at this moment."""


@dataclass(frozen=True)
class PostgresService:
    """The database server of an instance."""

    cluster: Cluster
    name: str = "postgres"

    @property
    def log(self) -> Path:
        """File that its output goes to."""
        return self.cluster.log

    def launch(self) -> ProcessIdentity:
        """Start the server; it is ready when this returns."""
        return self.cluster.start()

    def wait_ready(self, process: ProcessIdentity) -> None:
        """Nothing is left to wait for."""

    def healthy(self) -> bool:
        """Whether it answers a query."""
        return self.cluster.accepts_connections()


@dataclass(frozen=True)
class ProgramService:
    """A program that runs until it is told to end.

    :param argv: its command line.
    :param probe_ready: answers true once it does its work after a start.
    :param probe_healthy: answers true while it does its work; cheap.
    :param start_timeout_s: how long a start may take.
    :param prepare: done before each start, such as bringing a schema up to date.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    log: Path
    probe_ready: Callable[[], bool]
    probe_healthy: Callable[[], bool]
    start_timeout_s: float = 120.0
    prepare: Callable[[], None] | None = None

    def launch(self) -> ProcessIdentity:
        """Start the process without waiting for it."""
        if self.prepare is not None:
            self.prepare()
        return spawn(self.argv, log=self.log, env=self.environment, cwd=self.cwd)

    def wait_ready(self, process: ProcessIdentity) -> None:
        """Wait until it does its work.

        :raises DevtoolsError: when it ends or is not ready in time.
        """

        def ready() -> bool:
            if not process.alive:
                lines = last_lines(self.log)
                raise DevtoolsError(f"{self.name} ended at once", "", lines)
            return self.probe_ready()

        wait_until(
            ready,
            what=self.name,
            timeout_s=self.start_timeout_s,
            interval_s=0.2,
            hint=f"see {self.log}",
        )

    def healthy(self) -> bool:
        """Whether it does its work at this moment."""
        return self.probe_healthy()
