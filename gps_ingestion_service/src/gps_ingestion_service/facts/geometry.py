"""Distances on the sphere."""

from math import asin, cos, radians, sin, sqrt

# Mean radius of the earth (IUGG), metres.
EARTH_RADIUS_M = 6_371_008.8


def distance_m(
    latitude: float, longitude: float, to_latitude: float, to_longitude: float
) -> float:
    """Great-circle distance in metres between two places in degrees (haversine)."""
    phi, to_phi = radians(latitude), radians(to_latitude)
    half_phi = sin((to_phi - phi) / 2)
    half_lambda = sin(radians(to_longitude - longitude) / 2)
    square = half_phi * half_phi + cos(phi) * cos(to_phi) * half_lambda * half_lambda
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(square)))
