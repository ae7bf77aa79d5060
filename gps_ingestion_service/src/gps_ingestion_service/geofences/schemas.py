"""Bodies of the geofences' API."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gps_ingestion_service.geofences.repository import Version
from gps_ingestion_service.geofences.shapes import Circle, Polygon, Shape

GeofenceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Latitude = Annotated[float, Field(ge=-90, le=90, strict=True)]
Longitude = Annotated[float, Field(ge=-180, le=180, strict=True)]


class CircleSpec(BaseModel):
    """A circle: centre in degrees, radius in metres."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["circle"]
    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Field(ge=10, le=500_000, strict=True)]

    def shape(self) -> Shape:
        """The circle."""
        return Circle(self.latitude, self.longitude, self.radius_m)


class PolygonSpec(BaseModel):
    """A polygon: its corners, latitude before longitude, in degrees."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["polygon"]
    points: Annotated[
        list[tuple[Latitude, Longitude]], Field(min_length=3, max_length=500)
    ]

    @model_validator(mode="after")
    def _is_on_one_side(self) -> "PolygonSpec":
        longitudes = [longitude for _, longitude in self.points]
        if max(longitudes) - min(longitudes) > 180:
            raise ValueError("crosses 180 degrees; make it two geofences")
        return self

    def shape(self) -> Shape:
        """The polygon."""
        return Polygon(tuple(self.points))


class GeofenceSpec(BaseModel):
    """What a geofence should be, at a version that its owner counts up."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0, le=2**62, strict=True, examples=[1])]
    enabled: Annotated[bool, Field(strict=True)] = True
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    shape: Annotated[CircleSpec | PolygonSpec, Field(discriminator="type")]
    hysteresis_m: Annotated[
        float,
        Field(
            ge=0,
            le=10_000,
            strict=True,
            description="how far beyond the border outside begins",
        ),
    ] = 30.0
    dwell_s: Annotated[
        float | None,
        Field(
            gt=0,
            le=31_536_000,
            strict=True,
            description="how long inside is worth saying",
        ),
    ] = None

    def as_version(self, geofence_id: str) -> Version:
        """As it is stored."""
        return Version(
            geofence_id=geofence_id,
            version=self.version,
            enabled=self.enabled,
            name=self.name,
            shape=self.shape.shape(),
            hysteresis_m=self.hysteresis_m,
            dwell_s=self.dwell_s,
        )


class GeofenceView(GeofenceSpec):
    """A geofence as the API shows it."""

    geofence_id: str

    @classmethod
    def of(cls, version: Version) -> "GeofenceView":
        """The view of a version."""
        shape = version.shape
        spec: CircleSpec | PolygonSpec
        if isinstance(shape, Circle):
            spec = CircleSpec(
                type="circle",
                latitude=shape.latitude,
                longitude=shape.longitude,
                radius_m=shape.radius_m,
            )
        else:
            spec = PolygonSpec(type="polygon", points=list(shape.points))
        return cls(
            geofence_id=version.geofence_id,
            version=version.version,
            enabled=version.enabled,
            name=version.name,
            shape=spec,
            hysteresis_m=version.hysteresis_m,
            dwell_s=version.dwell_s,
        )


class GeofencePage(BaseModel):
    """Geofences in the order of their id; ``next`` continues after the last."""

    geofences: list[GeofenceView]
    next: str | None
