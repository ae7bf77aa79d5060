"""Probes for an orchestrator, and the page that Prometheus scrapes."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gps_ingestion_service.api import errors
from gps_ingestion_service.state import StateDep

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process runs and its event loop turns."""
    return {"status": "alive"}


@router.get("/readyz", responses=errors(503))
async def ready(state: StateDep) -> dict[str, str]:
    """The database answers, its schema is current, the devices are loaded."""
    await state.health.check()
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "metrics"}},
)
async def metrics(state: StateDep) -> Response:
    """Metrics in Prometheus's text format."""
    await state.health.refresh_metrics()
    return Response(
        generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST
    )
