"""Plane geometry for roads: a conformal projection, distances and bearings."""

from __future__ import annotations

import math
from typing import NamedTuple

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth in metres (IUGG)."""


class Place(NamedTuple):
    """A point on the earth in degrees, WGS 84."""

    latitude: float
    longitude: float


class Point(NamedTuple):
    """A point of the projected plane; both axes in metres at the equator."""

    x: float
    y: float


def project(place: Place) -> Point:
    """Project to spherical Mercator.

    The projection is conformal, so angles between roads stay true; lengths are
    stretched by ``1 / cos(latitude)``, see :func:`ground_scale`.
    """
    latitude = math.radians(place.latitude)
    return Point(
        EARTH_RADIUS_M * math.radians(place.longitude),
        EARTH_RADIUS_M * math.asinh(math.tan(latitude)),
    )


def unproject(point: Point) -> Place:
    """Reverse :func:`project`."""
    return Place(
        math.degrees(math.atan(math.sinh(point.y / EARTH_RADIUS_M))),
        math.degrees(point.x / EARTH_RADIUS_M),
    )


def ground_scale(y: float) -> float:
    """Metres on the ground per metre of the projected plane at ordinate ``y``."""
    return 1.0 / math.cosh(y / EARTH_RADIUS_M)


def distance_m(a: Place, b: Place) -> float:
    """Great-circle distance in metres (haversine)."""
    phi_a, phi_b = math.radians(a.latitude), math.radians(b.latitude)
    half_dphi = (phi_b - phi_a) / 2
    half_dlambda = math.radians(b.longitude - a.longitude) / 2
    h = (
        math.sin(half_dphi) ** 2
        + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_dlambda) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def bearing_deg(a: Place, b: Place) -> float:
    """Initial bearing from ``a`` to ``b`` in degrees clockwise from north, [0, 360)."""
    phi_a, phi_b = math.radians(a.latitude), math.radians(b.latitude)
    dlambda = math.radians(b.longitude - a.longitude)
    east = math.sin(dlambda) * math.cos(phi_b)
    north = math.cos(phi_a) * math.sin(phi_b) - math.sin(phi_a) * math.cos(
        phi_b
    ) * math.cos(dlambda)
    return math.degrees(math.atan2(east, north)) % 360.0


def offset(place: Place, east_m: float, north_m: float) -> Place:
    """Move a place by a few metres to kilometres east and north."""
    north_deg = math.degrees(north_m / EARTH_RADIUS_M)
    east_deg = math.degrees(
        east_m / (EARTH_RADIUS_M * math.cos(math.radians(place.latitude)))
    )
    return Place(place.latitude + north_deg, place.longitude + east_deg)
