"""Routes of the events, for the admin token."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import VehicleIdentifier
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.events import repository
from gps_ingestion_service.events.repository import Delivery
from gps_ingestion_service.events.schemas import EventPage, EventView, Resent
from gps_ingestion_service.state import StateDep, require_admin

router = APIRouter(
    prefix="/v1/events",
    tags=["events"],
    dependencies=[Depends(admin_scheme), Depends(require_admin)],
    responses=errors(401, 422, 429, 503),
)


@router.get("")
async def list_events(
    state: StateDep,
    delivery: Annotated[Delivery | None, Query()] = None,
    vehicle_identifier: Annotated[VehicleIdentifier | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> EventPage:
    """Facts and how far their delivery has come, in the order they were found; those
    with ``delivery=dead`` are the dead letters."""
    async with state.database.query() as connection:
        found = await repository.page(
            connection, delivery, vehicle_identifier, cursor, limit + 1
        )
    return EventPage(
        events=[EventView.of(event) for event in found[:limit]],
        next=found[limit - 1].id if len(found) > limit else None,
    )


@router.get("/{uuid:uuid}", responses=errors(404))
async def show_event(uuid: UUID, state: StateDep) -> EventView:
    """One event."""
    async with state.database.query() as connection:
        event = await repository.find(connection, uuid)
    if event is None:
        raise _unknown(uuid)
    return EventView.of(event)


@router.post("/resend")
async def resend_dead_letters(state: StateDep) -> Resent:
    """Send every dead letter again."""
    async with state.database.query() as connection:
        return Resent(resent=await repository.resend(connection, None))


@router.post("/{uuid:uuid}/resend", responses=errors(404))
async def resend_event(uuid: UUID, state: StateDep) -> Resent:
    """Send one event again, whether it was delivered, is waiting or dead."""
    async with state.database.query() as connection:
        resent = await repository.resend(connection, uuid)
    if not resent:
        raise _unknown(uuid)
    return Resent(resent=resent)


def _unknown(uuid: UUID) -> ServiceError:
    return ServiceError(404, "unknown_event", f"there is no event {uuid}")
