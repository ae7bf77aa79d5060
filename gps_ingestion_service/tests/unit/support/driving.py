"""Drives made of fixes, for the tests of the facts."""

from datetime import UTC, datetime, timedelta
from math import cos, radians

from gps_ingestion_service.facts.model import Sample

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LATITUDE, LONGITUDE = 18.5204, 73.8567
_M_PER_DEGREE = 111_195.0


def at(
    seconds: float,
    east_m: float = 0,
    *,
    speed: float | None = None,
    ignition: bool | None = None,
    accuracy: float | None = None,
    vehicle: str = "MH1",
) -> Sample:
    """A fix so many seconds after the start and metres east of it."""
    return Sample(
        time=START + timedelta(seconds=seconds),
        latitude=LATITUDE,
        longitude=LONGITUDE + east_m / (_M_PER_DEGREE * cos(radians(LATITUDE))),
        speed=speed,
        ignition=ignition,
        accuracy=accuracy,
        vehicle_identifier=vehicle,
    )


def after(seconds: float) -> datetime:
    """The time so many seconds after the start."""
    return START + timedelta(seconds=seconds)
