"""Routes of the geofences, for the admin and the provision token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.geofences import repository
from gps_ingestion_service.geofences.schemas import (
    GeofenceId,
    GeofencePage,
    GeofenceSpec,
    GeofenceView,
)
from gps_ingestion_service.state import StateDep, require_provision
from gps_ingestion_service.versions import is_news

router = APIRouter(
    prefix="/v1/geofences",
    tags=["geofences"],
    dependencies=[Depends(admin_scheme), Depends(require_provision)],
    responses=errors(401, 403, 422, 429, 503),
)


@router.put(
    "/{geofence_id}",
    responses={
        201: {"model": GeofenceView, "description": "the geofence is new"},
        **errors(400, 409),
    },
)
async def put_geofence(
    geofence_id: GeofenceId, spec: GeofenceSpec, response: Response, state: StateDep
) -> GeofenceView:
    """Create or change a geofence, for fixes from now on. The same version with the
    same content is no change; a lower version, or other content under the same
    version, is refused. It goes with ``"enabled": false``."""
    offered = spec.as_version(geofence_id)
    async with state.database.query() as connection, connection.transaction():
        await repository.hold_changes(connection)
        known = await repository.current(connection, geofence_id)
        if known is None or is_news(
            known.version, offered.version, same=known == offered
        ):
            await repository.replace(connection, offered)
    response.status_code = 201 if known is None else 200
    return GeofenceView.of(offered)


@router.get("")
async def list_geofences(
    state: StateDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> GeofencePage:
    """Geofences in the order of their id."""
    async with state.database.query() as connection:
        found = await repository.page(connection, cursor, limit + 1)
    more = len(found) > limit
    return GeofencePage(
        geofences=[GeofenceView.of(version) for version in found[:limit]],
        next=found[limit - 1].geofence_id if more else None,
    )
