"""Who does what: turns the vehicles of a fleet into movers on roads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from simulator.fleet import Stop, Vehicle
from simulator.geo import Place, offset
from simulator.highways import HighwayGraph, indian_highways
from simulator.road import Road, build_road
from simulator.traces import Library, recorded_library
from simulator.tracker import Sample, samples
from simulator.truck import Activity, DrivingTruck, Mover, StandingTruck

DEFAULT_DEPOT = Place(19.2813, 73.0483)
"""Where a fleet without a single located place parks: Bhiwandi, near Mumbai."""

_STANDS: dict[str | None, Activity] = {
    "planned": "parked",
    "assigned": "loading",
    "on_hold": "held",
    "delivered": "unloading",
    "in_transit": "waiting",
}


class Scene:
    """The roads of a fleet and the trucks on them.

    Every lane is built once; both directions of it are one road.
    """

    def __init__(
        self,
        vehicles: Sequence[Vehicle],
        seed: int,
        *,
        graph: HighwayGraph | None = None,
        library: Library | None = None,
    ) -> None:
        self._seed = seed
        self._graph = graph or indian_highways()
        self._library = library or recorded_library()
        self._roads: dict[tuple[Place, Place], Road | None] = {}
        self._depots = sorted(
            {
                stop.place
                for vehicle in vehicles
                for stop in (vehicle.source, vehicle.destination)
                if stop is not None
            }
        ) or [DEFAULT_DEPOT]

    @property
    def has_recorded_shapes(self) -> bool:
        """Whether roads get the fine shape of recorded drives."""
        return self._library is not None

    def road(self, source: Stop, destination: Stop) -> Road | None:
        """The road of a lane, or None where its ends are too close together."""
        start, end = source.place, destination.place
        low, high = min(start, end), max(start, end)
        if (low, high) not in self._roads:
            corridor = self._graph.corridor(low, high)
            built = build_road(corridor, self._library, f"{low}|{high}")
            self._roads[low, high] = built
            self._roads[high, low] = built.turned() if built is not None else None
        return self._roads[start, end]

    def mover(self, vehicle: Vehicle) -> Mover:
        """The truck of a vehicle, where its state wants it at the start."""
        rng = Random(f"truck|{self._seed}|{vehicle.device_id}")
        if vehicle.state in ("in_transit", "on_hold"):
            roads = self._lane(vehicle)
            if roads is not None:
                road, back = roads
                at = _start(road, rng)
                if vehicle.state == "in_transit":
                    return DrivingTruck(road, back, at, rng)
                return StandingTruck(
                    road.place(at), "held", road.course_deg(at), rng, idles=True
                )
        stop = vehicle.destination if vehicle.state == "delivered" else vehicle.source
        place = stop.place if stop is not None else rng.choice(self._depots)
        yard = offset(place, rng.gauss(0.0, 60.0), rng.gauss(0.0, 60.0))
        activity = _STANDS.get(vehicle.state, "parked")
        return StandingTruck(
            yard, activity, rng.uniform(0, 360), rng, idles=activity != "parked"
        )

    def _lane(self, vehicle: Vehicle) -> tuple[Road, Road] | None:
        if vehicle.source is None or vehicle.destination is None:
            return None
        road = self.road(vehicle.source, vehicle.destination)
        back = self.road(vehicle.destination, vehicle.source)
        return None if road is None or back is None else (road, back)

    def samples(
        self, vehicle: Vehicle, *, start: int, interval_s: int, speedup: float
    ) -> Iterator[Sample]:
        """What the tracker of a vehicle records from ``start`` on."""
        return samples(
            vehicle.device_id,
            vehicle.format,
            self.mover(vehicle),
            seed=str(self._seed),
            start=start,
            interval_s=interval_s,
            speedup=speedup,
        )


def _start(road: Road, rng: Random) -> float:
    """A position on the way, with coverage: a truck is on the map from the start."""
    at = rng.uniform(0.05, 0.85) * road.length_m
    for start, end in road.shadows:
        if start - 500.0 <= at <= end:
            return max(start - 500.0, 0.0)
    return at
