"""A service with open tracker ports, and what its tests ask of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.service import Service, eventually, in_process, settings_for
from support.trackers import IMEI

from gps_ingestion_service.database import Connection
from gps_ingestion_service.errors import StorageUnavailable
from gps_ingestion_service.trackers.intake import Intake

NONE, ONE, TWO, THREE = (count.to_bytes(4) for count in range(4))


@asynccontextmanager
async def listening(url: str, **changes: Any) -> AsyncIterator[Service]:
    """A service that listens for both formats and knows one tracker."""
    settings = settings_for(url, teltonika_port=0, gt06_port=0, **changes)
    async with in_process(settings) as running:
        await running.state.registry.load()
        await running.provision(IMEI)
        yield running


def teltonika(service: Service) -> int:
    """The port of Teltonika trackers."""
    return service.state.listeners.ports["teltonika"]


def concox(service: Service) -> int:
    """The port of GT06 trackers."""
    return service.state.listeners.ports["gt06"]


def intake_of(service: Service) -> Intake:
    """What a further listener of the service hands its frames to."""
    state = service.state
    return Intake(
        state.database,
        state.registry,
        state.ingestion,
        state.quarantine,
        state.metrics,
        state.device_rate,
        state.held,
    )


async def stored(db: Connection) -> int:
    """How many fixes there are."""
    count: int = await db.fetchval("SELECT count(*) FROM fix")
    return count


async def codes(db: Connection) -> list[str]:
    """Why messages are in quarantine, in the order in which they came."""
    return [
        record["code"]
        for record in await db.fetch("SELECT code FROM quarantine ORDER BY id")
    ]


def has_ended(service: Service, reason: str, protocol: str = "teltonika") -> bool:
    """Whether a connection ended for that reason."""
    name = "gps_tracker_connections_ended_total"
    labels = {"protocol": protocol, "reason": reason}
    return bool(service.state.metrics.registry.get_sample_value(name, labels))


async def ended(service: Service, reason: str, protocol: str = "teltonika") -> None:
    """Return once a connection ended for that reason."""

    async def counted() -> bool:
        return has_ended(service, reason, protocol)

    await eventually(counted, f"a connection ended: {reason}")


async def _refuse(*_: object) -> None:
    raise StorageUnavailable()


def without_commits(service: Service, patch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be committed."""
    patch.setattr(service.state.group_commit, "submit", _refuse)


def without_quarantine(service: Service, patch: pytest.MonkeyPatch) -> None:
    """From now on nothing can be kept in quarantine."""
    patch.setattr(service.state.quarantine, "keep", _refuse)
