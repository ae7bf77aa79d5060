"""Routes of the provisioning API."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.security import HTTPBearer

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.repository import DeviceRow
from gps_ingestion_service.devices.schemas import (
    DeviceClock,
    DeviceId,
    DevicePage,
    DeviceSpec,
    DeviceView,
    IssuedSecret,
    IssuedToken,
)
from gps_ingestion_service.state import StateDep, require_admin, require_devices

admin_scheme = HTTPBearer(auto_error=False, scheme_name="admin token")
router = APIRouter(
    prefix="/v1/devices",
    tags=["devices"],
    dependencies=[Depends(admin_scheme), Depends(require_devices)],
    responses=errors(401, 403, 422, 429, 503),
)


def view(row: DeviceRow) -> DeviceView:
    """A device as the API shows it: never its token's hash."""
    device = row.device
    return DeviceView(
        device_id=device.device_id,
        vehicle_identifier=device.vehicle_identifier,
        enabled=device.enabled,
        only_on_trip=device.only_on_trip,
        version=device.version,
        has_token=device.token_hash is not None,
        has_signing_secret=device.signing_salt is not None,
        utc_offset_minutes=device.utc_offset_minutes,
        last_fix_time=row.last_fix_time,
    )


@router.put(
    "/{device_id}",
    responses={
        201: {"model": DeviceView, "description": "the device is new"},
        **errors(400, 409),
    },
)
async def put_device(
    device_id: DeviceId, spec: DeviceSpec, response: Response, state: StateDep
) -> DeviceView:
    """Create or change a device. The same version with the same content is no change;
    a lower version, or other content under the same version, is refused."""
    row, created = await state.provisioning.put(device_id, spec)
    response.status_code = 201 if created else 200
    return view(row)


@router.delete(
    "/{device_id}",
    status_code=204,
    dependencies=[Depends(require_admin)],
    responses=errors(404, 409),
)
async def delete_device(device_id: DeviceId, state: StateDep) -> None:
    """Delete a disabled device with its fixes, facts and last position, for good. What
    of it is in quarantine stays there, and what Odoo was told stays told."""
    await state.provisioning.delete(device_id)


@router.get("")
async def list_devices(
    state: StateDep,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    cursor: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
) -> DevicePage:
    """Devices in the order of their id."""
    rows, more = await state.provisioning.page(cursor, limit)
    return DevicePage(devices=[view(row) for row in rows], next=more)


@router.post("/{device_id}/token", responses=errors(404))
async def issue_token(
    device_id: DeviceId, response: Response, state: StateDep
) -> IssuedToken:
    """Issue a new token and show it once; the previous one is void from now on."""
    response.headers["Cache-Control"] = "no-store"
    return IssuedToken(token=await state.provisioning.issue_token(device_id))


@router.post("/{device_id}/signing-secret", responses=errors(404, 409))
async def issue_signing_secret(
    device_id: DeviceId, response: Response, state: StateDep
) -> IssuedSecret:
    """Issue a new signing secret and show it once; the previous one is void from now
    on. A token of the device stays valid beside it."""
    response.headers["Cache-Control"] = "no-store"
    secret = await state.provisioning.issue_signing_secret(device_id)
    return IssuedSecret(secret=secret)


@router.put("/{device_id}/clock", responses=errors(400, 404))
async def set_clock(
    device_id: DeviceId, clock: DeviceClock, state: StateDep
) -> DeviceView:
    """Say in which zone the device's clock runs. It counts for times without a zone
    (GT06, `yyyy-MM-dd HH:mm:ss` of OsmAnd) that come from now on, and for what is
    replayed from quarantine; others are as they are. It has no version, because it is
    the tracker's own and not its owner's."""
    return view(await state.provisioning.set_clock(device_id, clock.utc_offset_minutes))
