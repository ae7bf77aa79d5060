"""Route of the correction of stored times, for the admin token."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from gps_ingestion_service.api import IsoTime, errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import DeviceId
from gps_ingestion_service.state import StateDep, require_admin

router = APIRouter(
    prefix="/v1/devices",
    tags=["devices"],
    dependencies=[Depends(admin_scheme), Depends(require_admin)],
    responses=errors(401, 403, 404, 422, 429, 503),
)


_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(9999, 1, 1, tzinfo=UTC)


class RecorrectedView(BaseModel):
    """What became of the fixes of a range whose times came without a zone."""

    checked: Annotated[int, Field(description="how many there are")]
    corrected: Annotated[int, Field(description="how many have another time now")]
    left: Annotated[
        dict[str, int],
        Field(
            description="how many stay where they are although they belong elsewhere, "
            "by why: `time_taken` by another fix, a time that is not believed, "
            "`outside_trip`",
            examples=[{"time_taken": 1}],
        ),
    ]


@router.post("/{device_id}/recorrect")
async def recorrect(
    device_id: DeviceId,
    state: StateDep,
    start: Annotated[IsoTime, Query(alias="from", description="first time, included")],
    end: Annotated[IsoTime, Query(alias="to", description="last time, excluded")],
) -> RecorrectedView:
    """Derive the times of stored fixes again, from what the device's clock showed, in
    the zone that it has now. All in one transaction; a second call changes nothing, and
    one after the zone was set back takes the first back."""
    done = await state.recorrection.recorrect(
        device_id, max(start, _BEGINNING), min(end, _END)
    )
    return RecorrectedView(**msgspec.to_builtins(done))
