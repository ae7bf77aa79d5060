"""The application: routes, error bodies, and the parts that live with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from gps_ingestion_service import __version__
from gps_ingestion_service.auth import Credentials
from gps_ingestion_service.clocks.endpoints import router as clocks_router
from gps_ingestion_service.clocks.service import Recorrection
from gps_ingestion_service.connections.budget import ByteBudget
from gps_ingestion_service.connections.drain import (
    ALL,
    COMMIT,
    SENDERS,
    Drain,
    end_within,
)
from gps_ingestion_service.connections.protocol import Limits, http_protocol
from gps_ingestion_service.database import Database
from gps_ingestion_service.devices.endpoints import router as devices_router
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.devices.service import Provisioning
from gps_ingestion_service.devices.signing import SigningKeys
from gps_ingestion_service.errors import (
    ServiceError,
    TooManyFailures,
    as_service_error,
    error_response,
)
from gps_ingestion_service.events.endpoints import router as events_router
from gps_ingestion_service.events.pusher import EventPusher, FactKeeper
from gps_ingestion_service.facts.endpoints import router as facts_router
from gps_ingestion_service.facts.model import Rules
from gps_ingestion_service.facts.worker import FactWorker
from gps_ingestion_service.formats import DecodeError
from gps_ingestion_service.geofences.endpoints import router as geofences_router
from gps_ingestion_service.health.endpoints import router as health_router
from gps_ingestion_service.health.service import Health
from gps_ingestion_service.history.endpoints import router as history_router
from gps_ingestion_service.live.endpoints import router as live_router
from gps_ingestion_service.live.feed import Feed
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.observability.middleware import RequestContext
from gps_ingestion_service.partition_keeper import PartitionKeeper
from gps_ingestion_service.positions.direct import DirectRoutes
from gps_ingestion_service.positions.endpoints import ingest_router, read_router
from gps_ingestion_service.positions.group_commit import GroupCommit
from gps_ingestion_service.positions.repository import FixStore
from gps_ingestion_service.positions.service import Ingestion, Reading
from gps_ingestion_service.push.client import OdooClient
from gps_ingestion_service.push.service import Pusher
from gps_ingestion_service.quarantine.endpoints import router as quarantine_router
from gps_ingestion_service.quarantine.replay import Replay
from gps_ingestion_service.quarantine.service import Bounds, Quarantine
from gps_ingestion_service.rate_limit import RateLimit, network_of
from gps_ingestion_service.retention import Retention
from gps_ingestion_service.settings import Settings
from gps_ingestion_service.state import State, get_state
from gps_ingestion_service.time_policy import TimePolicy
from gps_ingestion_service.trackers.intake import Intake
from gps_ingestion_service.trackers.listeners import Listeners
from gps_ingestion_service.trips.endpoints import router as trips_router
from gps_ingestion_service.trips.progress import Pace
from gps_ingestion_service.trips.service import Trips

_RESTART_S = 5.0
# So long an open map may take nothing before its place is given to another.
_LIVE_PATIENCE_S = 60.0

# The history belongs to the positions but lies under the devices' path.
_ROUTERS = (
    ingest_router,
    read_router,
    history_router,
    live_router,
    devices_router,
    clocks_router,
    quarantine_router,
    events_router,
    facts_router,
    geofences_router,
    trips_router,
    health_router,
)

log = structlog.stdlib.get_logger(__name__)


def build_state(settings: Settings, metrics: Metrics, held: ByteBudget) -> State:
    """Put the parts together; nothing is opened yet."""
    database = Database(settings)
    registry = DeviceRegistry(database, metrics)
    store = FixStore(database, settings.connect_timeout_s, facts=settings.facts)
    group_commit = GroupCommit(
        store.store,
        store.add_alarms,
        metrics,
        settings.queue_max_rows,
        settings.commit_max_rows,
    )
    time_policy = TimePolicy(
        max_future=timedelta(seconds=settings.max_future_s),
        max_age=timedelta(days=settings.max_age_days),
    )
    ingestion = Ingestion(registry, group_commit, time_policy, metrics)
    bounds = Bounds(
        settings.quarantine_device_bytes,
        settings.quarantine_max_bytes,
        settings.quarantine_days,
        settings.retention_days,
    )
    quarantine = Quarantine(database, registry, metrics, bounds)
    signing = SigningKeys(settings.signing_key, settings.signing_key_previous)
    device_rate = RateLimit(
        settings.device_requests_per_s, settings.device_request_burst
    )
    intake = Intake(
        database, registry, ingestion, quarantine, metrics, device_rate, held
    )
    return State(
        settings=settings,
        metrics=metrics,
        credentials=Credentials(
            settings.admin_token,
            settings.ingest_token,
            settings.read_token,
            settings.provision_token,
        ),
        database=database,
        registry=registry,
        provisioning=Provisioning(database, registry, signing),
        signing=signing,
        group_commit=group_commit,
        ingestion=ingestion,
        reading=Reading(database),
        trips=Trips(
            database, Pace(settings.trip_detour_factor, settings.trip_speed_kmh / 3.6)
        ),
        live=Feed(database, metrics, settings.live_max_clients, _LIVE_PATIENCE_S),
        quarantine=quarantine,
        replay=Replay(database, registry, ingestion, settings.max_rows),
        recorrection=Recorrection(database, time_policy, facts=settings.facts),
        listeners=Listeners(settings, intake, metrics),
        device_rate=device_rate,
        failure_rate=RateLimit(settings.failures_per_s, settings.failure_burst),
        health=Health(database, registry, metrics),
        held=held,
        drain=Drain(settings.drain_s),
    )


@asynccontextmanager
async def running(state: State, tracker_host: str) -> AsyncIterator[None]:
    """Open what the state holds and run its background tasks.

    On the way out the frames and rows in hand are committed and answered first, then
    everything closes; what takes longer than its share of the drain is broken off.
    """
    settings = state.settings
    async with AsyncExitStack() as stack:
        await state.database.open()
        stack.push_async_callback(_close_database, state)
        keeper = PartitionKeeper(state.database, settings.partitions_ahead_days)
        facts = FactKeeper(
            state.database,
            timedelta(days=settings.facts_days),
            timedelta(days=settings.max_age_days),
        )
        tasks = [
            asyncio.create_task(supervise("facts expiry", facts.run)),
            asyncio.create_task(supervise("registry", state.registry.follow)),
            asyncio.create_task(supervise("partitions", keeper.run)),
            asyncio.create_task(supervise("quarantine", state.quarantine.run)),
            asyncio.create_task(supervise("live feed", state.live.run)),
        ]
        if settings.facts:
            worker = fact_worker(state)
            tasks.append(asyncio.create_task(supervise("facts", worker.run)))
        if settings.retention_days is not None:
            keeping = retention(state, settings.retention_days)
            tasks.append(asyncio.create_task(supervise("retention", keeping.run)))
        if settings.odoo_url and settings.odoo_hmac_secret is not None:
            http = await stack.enter_async_context(
                httpx.AsyncClient(timeout=settings.push_timeout_s, trust_env=False)
            )
            client = OdooClient(
                http, settings.odoo_url, settings.odoo_hmac_secret.get_secret_value()
            )
            for name, kind in (("push", Pusher), ("events", EventPusher)):
                pusher = kind(
                    state.database,
                    client,
                    state.metrics,
                    settings.push_interval_s,
                    settings.push_backoff_max_s,
                )
                tasks.append(asyncio.create_task(supervise(name, pusher.run)))
        stack.push_async_callback(_cancel, tasks, state.drain)
        writer = asyncio.create_task(state.group_commit.run(), name="group commit")
        try:
            await state.listeners.start(tracker_host)
            log.info("started", version=__version__, pushes=bool(settings.odoo_url))
            yield
        finally:
            await state.listeners.stop(state.drain.left_s(SENDERS))
            state.group_commit.close()
            # Nobody was told yet that what remains by then is stored.
            await end_within([writer], state.drain.left_s(COMMIT))
    log.info("stopped")


def retention(state: State, days: int) -> Retention:
    """What drops days that are older, after the export that the settings ask for."""
    settings, archive = state.settings, None
    if settings.export_url:
        # Here, because boto3 takes a quarter of the time that the service starts in.
        from gps_ingestion_service.archive import Archive

        archive = Archive(settings.export_url)
    folder = Path(settings.export_dir) if settings.export_dir else None
    return Retention(state.database, state.metrics, days, folder, archive)


def fact_worker(state: State) -> FactWorker:
    """What evaluates the facts, by the rules of the settings."""
    settings = state.settings
    rules = Rules(
        stop_radius_m=settings.stop_radius_m,
        stop_min=timedelta(seconds=settings.stop_min_s),
        idling_min=timedelta(seconds=settings.idling_min_s),
        speed_limit=settings.speed_limit_kmh / 3.6,
        speeding_min=timedelta(seconds=settings.speeding_min_s),
        silence=timedelta(seconds=settings.silence_s),
    )
    return FactWorker(
        state.database,
        state.metrics,
        rules,
        settings.facts_interval_s,
        timedelta(days=settings.facts_late_days),
    )


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], restart_s: float = _RESTART_S
) -> None:
    """Run a background task for ever: a mistake in it is logged, not fatal."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("task_failed", task=name)
        await asyncio.sleep(restart_s)


async def _cancel(tasks: Sequence[asyncio.Task[None]], drain: Drain) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=drain.left_s((COMMIT + ALL) / 2))


async def _close_database(state: State) -> None:
    await state.database.close(state.drain.left_s(ALL))


def _methods_of(path: str) -> str:
    """What a path allows (RFC 9110, 10.2.1); the framework names the methods of one
    route only, and several may share a path."""
    routes = [
        route
        for router in _ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
    ]
    # A path that is spelled out comes before one with a parameter in that place.
    least = min((len(route.param_convertors) for route in routes), default=0)
    methods: set[str] = set()
    for route in routes:
        if len(route.param_convertors) == least:
            methods |= route.methods or set()
    # The document and its page are the framework's own.
    return ", ".join(sorted(methods or {"GET", "HEAD"}))


def _client(request: Request) -> str:
    return network_of(request.client.host) if request.client else ""


def _limits(settings: Settings) -> Limits:
    return Limits(
        connections=settings.http_max_connections,
        head_s=settings.http_head_timeout_s,
        body_s=settings.http_body_timeout_s,
        # What comes in the first half can still be committed and answered.
        drain_s=settings.drain_s * SENDERS / 2,
        body_bytes=settings.max_body_bytes,
    )


def create_app(settings: Settings, tracker_host: str = "127.0.0.1") -> FastAPI:
    """The ASGI application of one service with these settings.

    The ports of trackers, which the settings name, are opened on ``tracker_host``.
    """
    metrics = Metrics()
    held = ByteBudget(settings.max_held_bytes, metrics.held_bytes)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = build_state(settings, metrics, held)
        app.state.gps = state
        async with running(state, tracker_host):
            yield

    app = FastAPI(
        title="GPS Ingestion Service",
        version=__version__,
        description=(
            "Takes the positions of a fleet, acknowledges each after it is committed, "
            "and pushes the newest per vehicle to Odoo."
        ),
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.protocol = http_protocol(_limits(settings), metrics, held)

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        refusal = as_service_error(error)
        if refusal.unproven:
            # Only what failed is counted and refused: behind the one address of a
            # carrier, a wrong token must not silence the right ones.
            wait_s = get_state(request).failure_rate.take(_client(request))
            if wait_s:
                refusal = TooManyFailures(wait_s)
        if refusal.status == 405:
            refusal.allow = _methods_of(request.url.path)
        metrics.refused_requests.labels(refusal.code).inc()
        return error_response(refusal)

    for kind in (ServiceError, DecodeError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, on_error)
    # The one that is added last comes first.
    app.add_middleware(DirectRoutes, router=ingest_router, on_error=on_error)
    app.add_middleware(RequestContext, metrics=metrics)
    for router in _ROUTERS:
        app.include_router(router)
    return app
