"""Circles and polygons on the sphere, pure: is a place inside, and how far outside."""

from math import ceil, cos, floor, hypot, radians

import msgspec

from gps_ingestion_service.facts.geometry import EARTH_RADIUS_M, distance_m

_M_PER_DEGREE = radians(1) * EARTH_RADIUS_M


class Box(msgspec.Struct, frozen=True):
    """South, west, north and east in degrees."""

    south: float
    west: float
    north: float
    east: float


class Circle(msgspec.Struct, frozen=True, tag="circle", tag_field="type"):
    """All places within ``radius_m`` metres of one in degrees."""

    latitude: float
    longitude: float
    radius_m: float

    def outside_m(self, latitude: float, longitude: float) -> float:
        """Metres to the circle; 0 inside of it."""
        away = distance_m(self.latitude, self.longitude, latitude, longitude)
        return max(0.0, away - self.radius_m)

    def box(self) -> Box:
        """What the circle lies in."""
        high = self.radius_m / _M_PER_DEGREE
        nearest_pole = min(89.9, abs(self.latitude) + high)
        wide = min(180.0, high / cos(radians(nearest_pole)))
        return Box(
            self.latitude - high,
            self.longitude - wide,
            self.latitude + high,
            self.longitude + wide,
        )


class Polygon(msgspec.Struct, frozen=True, tag="polygon", tag_field="type"):
    """What its corners, (latitude, longitude) in degrees, enclose; where its sides
    cross each other, what they enclose an odd number of times. It may not cross 180
    degrees."""

    points: tuple[tuple[float, float], ...]

    def outside_m(self, latitude: float, longitude: float) -> float:
        """Metres to the nearest side; 0 inside. Sides are straight on the map, which is
        good to a metre for those shorter than 50 km."""
        if self._encloses(latitude, longitude):
            return 0.0
        east = _M_PER_DEGREE * cos(radians(latitude))
        local = [
            ((lon - longitude) * east, (lat - latitude) * _M_PER_DEGREE)
            for lat, lon in self.points
        ]
        sides = zip(local, local[1:] + local[:1], strict=True)
        return min(_to_side(*one, *other) for one, other in sides)

    def _encloses(self, latitude: float, longitude: float) -> bool:
        """Whether a ray to the east crosses an odd number of sides."""
        inside = False
        lat_1, lon_1 = self.points[-1]
        for lat_2, lon_2 in self.points:
            if (lat_1 > latitude) != (lat_2 > latitude):
                share = (latitude - lat_1) / (lat_2 - lat_1)
                if longitude < lon_1 + share * (lon_2 - lon_1):
                    inside = not inside
            lat_1, lon_1 = lat_2, lon_2
        return inside

    def box(self) -> Box:
        """What the polygon lies in."""
        latitudes = [latitude for latitude, _ in self.points]
        longitudes = [longitude for _, longitude in self.points]
        return Box(min(latitudes), min(longitudes), max(latitudes), max(longitudes))


Shape = Circle | Polygon


def _to_side(x_1: float, y_1: float, x_2: float, y_2: float) -> float:
    """Distance of the origin from the side between two points."""
    dx, dy = x_2 - x_1, y_2 - y_1
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else -(x_1 * dx + y_1 * dy) / length
    share = min(1.0, max(0.0, share))
    return hypot(x_1 + share * dx, y_1 + share * dy)


def cells(box: Box, degrees: float) -> list[tuple[int, int]]:
    """The cells of a grid that a box touches; beyond 180 degrees it goes on at -180."""
    turn = round(360 / degrees)
    return [
        (row, column % turn)
        for row in range(floor(box.south / degrees), ceil(box.north / degrees) + 1)
        for column in range(floor(box.west / degrees), ceil(box.east / degrees) + 1)
    ]
