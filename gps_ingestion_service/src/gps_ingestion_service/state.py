"""Everything a request may need, built once when the service starts."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from gps_ingestion_service.auth import Credentials, Scope
from gps_ingestion_service.clocks.service import Recorrection
from gps_ingestion_service.connections.budget import ByteBudget
from gps_ingestion_service.connections.drain import Drain
from gps_ingestion_service.database import Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.devices.service import Provisioning
from gps_ingestion_service.devices.signing import SigningKeys
from gps_ingestion_service.health.service import Health
from gps_ingestion_service.live.feed import Feed
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.group_commit import GroupCommit
from gps_ingestion_service.positions.service import Ingestion, Reading
from gps_ingestion_service.quarantine.replay import Replay
from gps_ingestion_service.quarantine.service import Quarantine
from gps_ingestion_service.rate_limit import RateLimit
from gps_ingestion_service.settings import Settings
from gps_ingestion_service.trackers.listeners import Listeners
from gps_ingestion_service.trips.service import Trips


@dataclass(frozen=True, slots=True)
class State:
    """The parts of the running service."""

    settings: Settings
    metrics: Metrics
    credentials: Credentials
    database: Database
    registry: DeviceRegistry
    provisioning: Provisioning
    signing: SigningKeys
    group_commit: GroupCommit
    ingestion: Ingestion
    reading: Reading
    trips: Trips
    live: Feed
    quarantine: Quarantine
    replay: Replay
    recorrection: Recorrection
    listeners: Listeners
    device_rate: RateLimit
    failure_rate: RateLimit
    health: Health
    held: ByteBudget
    drain: Drain


def get_state(request: Request) -> State:
    """The state that the lifespan put into the application."""
    return cast(State, request.app.state.gps)


# A dependency that is no coroutine runs in a thread of its own: for one attribute that
# costs a request more than all the rest of the framework.
async def _state(request: Request) -> State:
    return get_state(request)


StateDep = Annotated[State, Depends(_state)]


async def require_admin(request: Request, state: StateDep) -> None:
    """Dependency of every route that only the admin token opens."""
    state.credentials.require(Scope.ADMIN, request.headers.get("authorization"))


async def require_read(request: Request, state: StateDep) -> None:
    """Dependency of the routes that the read token opens too."""
    state.credentials.require(Scope.READ, request.headers.get("authorization"))


async def require_provision(request: Request, state: StateDep) -> None:
    """Dependency of the routes of what Odoo owns beside devices: geofences, trips."""
    state.credentials.require(Scope.PROVISION, request.headers.get("authorization"))


async def require_devices(request: Request, state: StateDep) -> None:
    """Dependency of the routes of devices: the read token opens those that read."""
    scope = Scope.DEVICES if request.method == "GET" else Scope.PROVISION
    state.credentials.require(scope, request.headers.get("authorization"))
