"""Routes of the devices whose facts cannot be evaluated, for the admin token."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import DeviceId
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.facts import parked
from gps_ingestion_service.state import StateDep, require_admin

router = APIRouter(
    prefix="/v1/facts/parked",
    tags=["facts"],
    dependencies=[Depends(admin_scheme), Depends(require_admin)],
    responses=errors(401, 422, 429, 503),
)


class ParkedView(BaseModel):
    """A device that is set aside: its fixes between these times are in no fact yet."""

    device_id: str
    from_time: datetime
    to_time: datetime
    reason: str
    failures: int
    parked_at: datetime
    retry_at: Annotated[datetime, Field(description="when it is tried by itself")]

    @classmethod
    def of(cls, item: parked.Parked) -> "ParkedView":
        """The view of one."""
        return cls(
            device_id=item.device_id,
            from_time=item.from_time,
            to_time=item.to_time,
            reason=item.reason,
            failures=item.failures,
            parked_at=item.parked_at,
            retry_at=item.retry_at,
        )


class ParkedPage(BaseModel):
    """Devices in the order of their id; ``next`` continues after the last."""

    parked: list[ParkedView]
    next: str | None


class Retried(BaseModel):
    """The device is tried again with the next look."""

    device_id: str


@router.get("")
async def list_parked(
    state: StateDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> ParkedPage:
    """Devices whose facts cannot be evaluated, with why."""
    async with state.database.query() as connection:
        found = await parked.page(connection, cursor, limit + 1)
    more = len(found) > limit
    return ParkedPage(
        parked=[ParkedView.of(item) for item in found[:limit]],
        next=found[limit - 1].device_id if more else None,
    )


@router.post("/{device_id}/retry", responses=errors(404))
async def retry_parked(device_id: DeviceId, state: StateDep) -> Retried:
    """Try a device again now, after what was wrong has been mended."""
    async with state.database.query() as connection:
        if not await parked.retry(connection, device_id):
            raise ServiceError(
                404, "not_parked", f"the facts of {device_id} are not set aside"
            )
    return Retried(device_id=device_id)
