"""A planned track to look at: the road, its stops and the fixes, without sending."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from simulator.fleet import FleetError, Vehicle
from simulator.scene import Scene
from simulator.tracker import Sample
from simulator.wire import compact, iso_utc, native_row


def find_vehicle(vehicles: Sequence[Vehicle], name: str) -> Vehicle:
    """The vehicle with this truck number or device id.

    Raises:
        FleetError: there is none; the message names those there are.
    """
    for vehicle in vehicles:
        if name in (vehicle.vehicle_identifier, vehicle.device_id):
            return vehicle
    known = ", ".join(vehicle.vehicle_identifier for vehicle in vehicles[:30])
    raise FleetError(f"no vehicle {name!r}; the first in the file: {known}")


def planned(
    scene: Scene,
    vehicle: Vehicle,
    *,
    start: int,
    duration_s: float,
    interval_s: int,
    speedup: float,
) -> Iterator[Sample]:
    """What the tracker of a vehicle would record in ``duration_s`` seconds."""
    recorded = scene.samples(
        vehicle, start=start, interval_s=interval_s, speedup=speedup
    )
    return itertools.takewhile(
        lambda sample: sample.fix.timestamp < start + duration_s, recorded
    )


def as_ndjson(recorded: Iterator[Sample]) -> Iterator[str]:
    """One fix per line, in the native format."""
    for sample in recorded:
        yield compact(native_row(sample.fix)).decode()


def as_geojson(
    scene: Scene, vehicle: Vehicle, recorded: Iterator[Sample]
) -> Iterator[str]:
    """A FeatureCollection: the road, toll plazas, shadows without coverage, fixes."""
    features = [*_road_features(scene, vehicle)]
    features.extend(
        _feature(
            "Point",
            [sample.fix.longitude, sample.fix.latitude],
            {
                "kind": "fix",
                "time": iso_utc(sample.fix.timestamp),
                "speed_kmh": round(sample.fix.speed_ms * 3.6, 1),
                "course": sample.fix.course_deg,
                "online": sample.online,
                "activity": sample.fix.attributes["activity"],
            },
        )
        for sample in recorded
    )
    yield compact({"type": "FeatureCollection", "features": features}).decode()


def _road_features(scene: Scene, vehicle: Vehicle) -> Iterator[dict[str, Any]]:
    if vehicle.source is None or vehicle.destination is None:
        return
    road = scene.road(vehicle.source, vehicle.destination)
    if road is None:
        return
    line = zip(road.longitudes, road.latitudes, strict=True)
    yield _feature(
        "LineString",
        [[round(longitude, 6), round(latitude, 6)] for longitude, latitude in line],
        {
            "kind": "road",
            "length_km": round(road.length_m / 1_000, 1),
            "highways": list(road.corridor.highways),
            "towns": [town for town in road.corridor.towns if town],
            "recorded_shapes": scene.has_recorded_shapes,
        },
    )
    for toll in road.tolls:
        place = road.place(toll)
        position = [round(place.longitude, 6), round(place.latitude, 6)]
        yield _feature("Point", position, {"kind": "toll"})
    for start, end in road.shadows:
        places = [road.place(start), road.place((start + end) / 2), road.place(end)]
        yield _feature(
            "LineString",
            [[round(place.longitude, 6), round(place.latitude, 6)] for place in places],
            {"kind": "no_coverage", "length_km": round((end - start) / 1_000, 1)},
        )


def _feature(
    kind: str, coordinates: Sequence[Any], properties: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }
