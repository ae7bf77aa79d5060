"""Routes of tracks and days."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from gps_ingestion_service.api import IsoDate, IsoTime, errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.devices.schemas import DeviceId
from gps_ingestion_service.errors import ServiceError
from gps_ingestion_service.history import exports, repository
from gps_ingestion_service.history.schemas import DayList, DayView, Track, TrackPoint
from gps_ingestion_service.history.simplify import simplify
from gps_ingestion_service.positions.repository import StoredPosition
from gps_ingestion_service.state import StateDep, require_read

# A fix a second for a day: what one answer may hold in memory.
MOST_FIXES = 86_400
MOST_DAYS = 366
# What a time zone of the database of time zones is called.
_TIME_ZONE = r"^(UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$"

router = APIRouter(
    prefix="/v1/devices/{device_id}",
    tags=["history"],
    dependencies=[Depends(admin_scheme), Depends(require_read)],
    responses=errors(401, 403, 404, 422, 429, 503),
)


async def require_device(device_id: DeviceId, state: StateDep) -> Device:
    """The device of the path, or 404."""
    return await state.provisioning.find(device_id)


DeviceDep = Annotated[Device, Depends(require_device)]
Start = Annotated[IsoTime, Query(alias="from", description="included")]
End = Annotated[IsoTime, Query(alias="to", description="excluded")]


def _check_order(start: datetime | date, end: datetime | date) -> None:
    if start > end:
        raise ServiceError(422, "invalid_request", "from must not be after to")


@router.get("/track")
async def read_track(
    device: DeviceDep,
    state: StateDep,
    start: Start,
    end: End,
    tolerance_m: Annotated[
        float, Query(ge=0, le=10_000, description="metres off the line at most")
    ] = 10.0,
) -> Track:
    """The way of a device, with only the points that its shape needs."""
    _check_order(start, end)
    positions = await repository.collect(state.database, device, start, end, MOST_FIXES)
    if positions is None:
        raise ServiceError(
            422,
            "too_many_fixes",
            f"more than {MOST_FIXES} fixes lie between from and to; ask for less time",
        )
    # Beside the event loop: nobody's fixes shall wait for a map.
    return await asyncio.to_thread(_track, positions, tolerance_m)


def _track(positions: Sequence[StoredPosition], tolerance_m: float) -> Track:
    located = [
        item.fix
        for item in positions
        if not (item.fix.is_null_island or item.fix.flags)
    ]
    kept = simplify([(fix.latitude, fix.longitude) for fix in located], tolerance_m)
    points = [
        TrackPoint(
            timestamp=fix.fix_time,
            latitude=fix.latitude,
            longitude=fix.longitude,
            speed=fix.speed,
        )
        for fix in (located[index] for index in kept)
    ]
    return Track(fixes=len(located), points=points)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "every fix, sent while it is read",
            "content": {"application/geo+json": {}, "text/csv": {}},
        }
    },
)
async def export_positions(
    device: DeviceDep,
    state: StateDep,
    start: Start,
    end: End,
    form: Annotated[Literal["geojson", "csv"], Query(alias="format")] = "geojson",
) -> StreamingResponse:
    """Every fix of a device as GeoJSON or CSV, oldest first."""
    _check_order(start, end)
    positions = repository.stream(state.database, device, start, end)
    write, kind = {
        "geojson": (exports.geojson, "application/geo+json"),
        "csv": (exports.comma_separated, "text/csv; charset=utf-8"),
    }[form]
    name = f"{device.device_id.replace(':', '_')}-{start:%Y%m%d}-{end:%Y%m%d}.{form}"
    return StreamingResponse(
        write(positions),
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/days")
async def read_days(
    device: DeviceDep,
    state: StateDep,
    first: Annotated[IsoDate, Query(alias="from", description="first day")],
    last: Annotated[IsoDate, Query(alias="to", description="last day, included")],
    time_zone: Annotated[
        str,
        Query(
            pattern=_TIME_ZONE,
            max_length=64,
            description="in which days begin",
            examples=["Asia/Kolkata"],
        ),
    ] = "UTC",
) -> DayList:
    """Kilometres, driving, idling and top speed of each day that has a fix."""
    _check_order(first, last)
    if (last - first).days >= MOST_DAYS or last == date.max:
        raise ServiceError(
            422,
            "invalid_request",
            f"ask for {MOST_DAYS} days at most, before 9999-12-31",
        )
    async with state.database.query() as connection:
        times = await repository.bounds(
            connection, first, last + timedelta(days=1), time_zone
        )
        if times is None:
            raise ServiceError(
                422, "invalid_request", "time_zone must be one of the tz database"
            )
        found = await repository.days(connection, device, *times, time_zone)
    return DayList(time_zone=time_zone, days=[DayView.of(day) for day in found])
