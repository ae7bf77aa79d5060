"""The route of the live feed."""

import re
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


# As large as a transaction's number in PostgreSQL.
_ID = re.compile(r"[1-9][0-9]{0,18}")


def resume_after(
    last_event_id: Annotated[
        str | None,
        Header(max_length=64, description="id of the last event that was seen"),
    ] = None,
) -> int | None:
    """The horizon that an event id stands for; None: tell every position.

    Raises:
        ServiceError: 422 for a text that no event had.
    """
    if last_event_id is None:
        return None
    if _ID.fullmatch(last_event_id):
        return int(last_event_id)
    try:
        # Ids were times once; a browser that comes back with one must not be refused.
        datetime.fromisoformat(last_event_id)
    except ValueError:
        raise ServiceError(
            422, "invalid_event_id", "Last-Event-ID must be the id of an earlier event"
        ) from None
    return None


async def require_room(state: StateDep) -> None:
    """Refuse one map more than the service is willing to feed, and any while there is
    nothing to feed it with: once a stream has begun it is too late to say so."""
    if state.live.is_full:
        raise ServiceError(
            503, "too_many_clients", "too many live connections", retry_after_s=5
        )
    async with state.database.query() as connection:
        await connection.execute("SELECT 1")


@router.get(
    "/v1/positions/live",
    response_class=EventSourceResponse,
    dependencies=[Depends(require_room)],
)
async def stream_positions(
    state: StateDep, after: Annotated[int | None, Depends(resume_after)]
) -> AsyncIterator[ServerSentEvent]:
    """Every last position, then each that moves, as server-sent events `position`.

    After a break send the last `id` as `Last-Event-ID`: positions that moved since come
    first. One may come twice; the newer `timestamp` of a `device_id` counts. What is
    found together has one `id`, which comes with the last of it."""
    async with aclosing(state.live.subscribe(after)) as events:
        async for event in events:
            yield ServerSentEvent(
                event="position",
                id=None if event.id is None else str(event.id),
                raw_data=PositionView.of(event.position).model_dump_json(),
            )
