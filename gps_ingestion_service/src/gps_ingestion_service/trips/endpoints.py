"""Routes of the trips, for the admin and the provision token."""

from fastapi import APIRouter, Depends, Response

from gps_ingestion_service.api import errors
from gps_ingestion_service.devices.endpoints import admin_scheme
from gps_ingestion_service.devices.schemas import VehicleIdentifier
from gps_ingestion_service.state import StateDep, require_provision
from gps_ingestion_service.trips.schemas import TripSpec, TripView

router = APIRouter(
    prefix="/v1/vehicles",
    tags=["trips"],
    dependencies=[Depends(admin_scheme), Depends(require_provision)],
    responses=errors(401, 403, 422, 429, 503),
)


@router.put(
    "/{vehicle_identifier}/trip",
    responses={
        201: {"model": TripView, "description": "the vehicle's first trip"},
        **errors(400, 409),
    },
)
async def put_trip(
    vehicle_identifier: VehicleIdentifier,
    spec: TripSpec,
    response: Response,
    state: StateDep,
) -> TripView:
    """Set the open trip of a vehicle, or with null end it. Both of its ends are
    geofences meanwhile. The same version with the same content is no change; a lower
    version, or other content under the same version, is refused."""
    trip = None if spec.trip is None else spec.trip.trip()
    created = await state.trips.put(vehicle_identifier, spec.version, trip)
    response.status_code = 201 if created else 200
    return TripView.seen(*await state.trips.find(vehicle_identifier))


@router.get("/{vehicle_identifier}/trip", responses=errors(404))
async def show_trip(vehicle_identifier: VehicleIdentifier, state: StateDep) -> TripView:
    """The open trip of a vehicle, how far it has come, and when it will arrive."""
    return TripView.seen(*await state.trips.find(vehicle_identifier))
