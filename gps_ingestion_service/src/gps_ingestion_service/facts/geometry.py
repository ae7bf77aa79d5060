"""Distances on the sphere, and which of them a truck can drive."""

from math import asin, cos, radians, sin, sqrt

# Mean radius of the earth (IUGG), metres.
EARTH_RADIUS_M = 6_371_008.8
# A truck keeps to 90 or 120 km/h, and no other vehicle of a fleet drives twice as fast.
# Clocks of whole seconds, smoothing receivers and a truck on a train stay below it too.
FASTEST_MPS = 70.0
# A receiver that wakes up may be off by so much, whatever accuracy it claims.
_TOLERANCE_M = 200.0


def distance_m(
    latitude: float, longitude: float, to_latitude: float, to_longitude: float
) -> float:
    """Great-circle distance in metres between two places in degrees (haversine)."""
    phi, to_phi = radians(latitude), radians(to_latitude)
    half_phi = sin((to_phi - phi) / 2)
    half_lambda = sin(radians(to_longitude - longitude) / 2)
    square = half_phi * half_phi + cos(phi) * cos(to_phi) * half_lambda * half_lambda
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(square)))


def can_be_driven(way_m: float, seconds: float, uncertain_m: float = 0.0) -> bool:
    """Whether a truck can come so far in that time. ``uncertain_m`` is by how much both
    ends together may be off, as the receiver says."""
    return way_m <= _TOLERANCE_M + uncertain_m + FASTEST_MPS * seconds
