"""Bodies of tracks and days."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from gps_ingestion_service.history.repository import Day


class TrackPoint(BaseModel):
    """A place of a track."""

    timestamp: datetime
    latitude: float
    longitude: float
    speed: Annotated[float | None, Field(description="m/s")]


class Track(BaseModel):
    """A track with no more points than its shape needs."""

    fixes: Annotated[int, Field(description="stored fixes that it stands for")]
    points: list[TrackPoint]


class DayView(BaseModel):
    """What a device did on a day."""

    day: date
    fixes: int
    first_fix_time: datetime
    last_fix_time: datetime
    distance_km: float
    driving_s: float
    idling_s: Annotated[float, Field(description="standing with the ignition on")]
    max_speed_kmh: float | None

    @classmethod
    def of(cls, day: Day) -> "DayView":
        """The view of a day, in the units that people read."""
        return cls(
            day=day.day,
            fixes=day.fixes,
            first_fix_time=day.first,
            last_fix_time=day.last,
            distance_km=round(day.metres / 1000, 3),
            driving_s=day.driving_s,
            idling_s=day.idling_s,
            max_speed_kmh=None if day.max_speed is None else day.max_speed * 3.6,
        )


class DayList(BaseModel):
    """Days that have a fix, in their order."""

    time_zone: str
    days: list[DayView]
