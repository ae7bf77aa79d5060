"""Bodies of the trips' API."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gps_ingestion_service.api import IsoTime
from gps_ingestion_service.geofences.schemas import Latitude, Longitude
from gps_ingestion_service.trips.progress import Place, Progress, Trip
from gps_ingestion_service.trips.repository import Assignment

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class PlaceSpec(BaseModel):
    """A place in degrees, WGS 84."""

    model_config = ConfigDict(extra="forbid")

    latitude: Latitude
    longitude: Longitude

    def place(self) -> Place:
        """The place."""
        return Place(self.latitude, self.longitude)


class TripDetails(BaseModel):
    """Where from, where to, and since when."""

    model_config = ConfigDict(extra="forbid")

    reference: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,64}$", examples=["TRIP-00042"])
    ]
    started_at: Annotated[IsoTime, Field(ge=_EARLIEST, le=_LATEST)]
    source: PlaceSpec
    destination: PlaceSpec
    arrival_radius_m: Annotated[
        float,
        Field(
            ge=10, le=50_000, strict=True, description="of the geofences at both ends"
        ),
    ] = 300.0

    def trip(self) -> Trip:
        """As it is stored."""
        return Trip(
            reference=self.reference,
            started_at=self.started_at,
            source=self.source.place(),
            destination=self.destination.place(),
            arrival_radius_m=self.arrival_radius_m,
        )

    @classmethod
    def of(cls, trip: Trip) -> "TripDetails":
        """The view of a trip."""
        return cls(
            reference=trip.reference,
            started_at=trip.started_at,
            source=PlaceSpec(
                latitude=trip.source.latitude, longitude=trip.source.longitude
            ),
            destination=PlaceSpec(
                latitude=trip.destination.latitude,
                longitude=trip.destination.longitude,
            ),
            arrival_radius_m=trip.arrival_radius_m,
        )


class TripSpec(BaseModel):
    """The open trip of a vehicle, or null, at a version that its owner counts up."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0, le=2**62, strict=True, examples=[1])]
    trip: TripDetails | None


class ProgressView(BaseModel):
    """How far a trip has come, as of the vehicle's last position."""

    seen_at: datetime
    remaining_km: Annotated[float, Field(description="of road")]
    progress: Annotated[float, Field(description="share of the way, 0 to 1")]
    eta: datetime

    @classmethod
    def of(cls, progress: Progress) -> "ProgressView":
        """The view of a progress."""
        return cls(
            seen_at=progress.seen_at,
            remaining_km=round(progress.remaining_m / 1000, 3),
            progress=round(progress.share, 4),
            eta=progress.eta,
        )


class TripView(TripSpec):
    """The trip with its progress, null where the vehicle was not seen since it began;
    and the pace that it is reckoned with."""

    vehicle_identifier: str
    progress: ProgressView | None
    detour_factor: Annotated[float, Field(description="road by great circle")]
    speed_kmh: Annotated[float, Field(description="on the road, rests included")]

    @classmethod
    def seen(cls, assignment: Assignment, progress: Progress | None) -> "TripView":
        """The view of what a vehicle is to do."""
        trip = assignment.trip
        return cls(
            vehicle_identifier=assignment.vehicle_identifier,
            version=assignment.version,
            trip=None if trip is None else TripDetails.of(trip),
            progress=None if progress is None else ProgressView.of(progress),
            detour_factor=round(assignment.pace.detour_factor, 4),
            speed_kmh=round(assignment.pace.speed * 3.6, 2),
        )
