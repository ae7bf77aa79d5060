"""All geofences of all times, found by place: pure, built once per change. Those of a
vehicle are few and found by it: all trucks of a depot have theirs in the same place."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime, timedelta
from math import floor

import msgspec

from gps_ingestion_service.geofences.shapes import Shape, cells

_CELL_DEGREES = 0.1
# A larger one is looked at for every fix, which is cheaper than to be in every cell.
_MOST_CELLS = 400


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a geofence, valid from ``valid_from`` until before ``valid_until``.

    Inside begins at the border, outside ``hysteresis_m`` metres beyond it, so that a
    truck at the gate raises one fact and not twenty. ``dwell``: how long inside is
    worth saying. With a ``vehicle_identifier`` it is there for that vehicle only.
    """

    geofence_id: str
    shape: Shape
    valid_from: datetime
    valid_until: datetime | None = None
    hysteresis_m: float = 30.0
    dwell: timedelta | None = None
    vehicle_identifier: str | None = None

    def applies(self, time: datetime, vehicle_identifier: str) -> bool:
        """Whether it is there at that time for that vehicle."""
        return (
            self.valid_from <= time
            and (self.valid_until is None or time < self.valid_until)
            and self.vehicle_identifier in (None, vehicle_identifier)
        )


class FenceIndex:
    """Geofences by place and by id, or by vehicle."""

    def __init__(self, fences: Iterable[Fence] = ()) -> None:
        self._cells: dict[tuple[int, int], list[Fence]] = {}
        self._wide: list[Fence] = []
        self._by_id: dict[str, list[Fence]] = {}
        self._of_vehicle: dict[str, list[Fence]] = {}
        for fence in fences:
            if fence.vehicle_identifier is not None:
                self._of_vehicle.setdefault(fence.vehicle_identifier, []).append(fence)
                continue
            self._by_id.setdefault(fence.geofence_id, []).append(fence)
            box = fence.shape.box()
            area = (box.north - box.south) * (box.east - box.west)
            if area > _MOST_CELLS * _CELL_DEGREES**2:
                self._wide.append(fence)
                continue
            for cell in set(cells(box, _CELL_DEGREES)):
                self._cells.setdefault(cell, []).append(fence)

    def with_vehicles(self, fences: Iterable[Fence]) -> "FenceIndex":
        """The same geofences for all, and these of vehicles instead of others."""
        other = copy(self)
        other._of_vehicle = FenceIndex(fences)._of_vehicle
        return other

    def around(
        self, latitude: float, longitude: float, vehicle_identifier: str
    ) -> list[Fence]:
        """Every version that the vehicle may be inside of at that place."""
        turn = round(360 / _CELL_DEGREES)
        row = floor(latitude / _CELL_DEGREES)
        column = floor(longitude / _CELL_DEGREES) % turn
        near = self._cells.get((row, column), [])
        mine = self._of_vehicle.get(vehicle_identifier, [])
        return [*near, *self._wide, *mine] if self._wide or mine else near

    def version(
        self, geofence_id: str, time: datetime, vehicle_identifier: str
    ) -> Fence | None:
        """The version of a geofence that is there at that time for that vehicle."""
        mine = self._of_vehicle.get(vehicle_identifier, [])
        for fence in [*self._by_id.get(geofence_id, []), *mine]:
            if fence.geofence_id == geofence_id and fence.applies(
                time, vehicle_identifier
            ):
                return fence
        return None
