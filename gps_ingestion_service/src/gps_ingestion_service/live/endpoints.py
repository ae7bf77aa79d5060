"""The route of the live feed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.positions.schemas import PositionView
from gps_ingestion_service.state import StateDep, require_read

router = APIRouter(
    tags=["positions"],
    dependencies=[Depends(admin_scheme), Depends(require_read)],
    responses=errors(401, 403, 422, 429, 503),
)


def resume_after(
    last_event_id: Annotated[
        str | None,
        Header(max_length=64, description="id of the last event that was seen"),
    ] = None,
) -> datetime | None:
    """The time that an event id stands for.

    Raises:
        ServiceError: 422 for a text that no event had.
    """
    if last_event_id is None:
        return None
    try:
        time = datetime.fromisoformat(last_event_id)
    except ValueError:
        time = datetime.min
    if time.utcoffset() is None or time.year < 2000:
        raise ServiceError(
            422, "invalid_event_id", "Last-Event-ID must be the id of an earlier event"
        )
    return time


def require_room(state: StateDep) -> None:
    """Refuse one map more than the service is willing to feed."""
    if state.live.is_full:
        raise ServiceError(
            503, "too_many_clients", "too many live connections", retry_after_s=5
        )


@router.get(
    "/v1/positions/live",
    response_class=EventSourceResponse,
    dependencies=[Depends(require_room)],
)
async def stream_positions(
    state: StateDep, after: Annotated[datetime | None, Depends(resume_after)]
) -> AsyncIterator[ServerSentEvent]:
    """Every last position, then each that moves, as server-sent events `position`.

    After a break send `Last-Event-ID`: positions that moved since come first. One may
    come twice; the newer `timestamp` of a `device_id` counts."""
    async with aclosing(state.live.subscribe(after)) as events:
        async for event in events:
            yield ServerSentEvent(
                event="position",
                id=event.id.isoformat(),
                raw_data=PositionView.of(event.position).model_dump_json(),
            )
