"""India's national highways as a graph of towns, and the shortest way along them.

``highways.json`` lists, per highway, the towns it passes in order. Town positions are
rounded to 0.01 degree (about 1 km) and were checked against GeoNames.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from simulator.geo import Place, distance_m

REACH_M = 60_000.0
"""How far off a highway a lane may start or end and still use it."""

OFF_HIGHWAY_COST = 1.45
"""A metre off the highways costs this many metres on them."""

_SPACING_M = 8_000.0

_CROWDED_M = 4_000.0
"""Waypoints nearer than this to an end are dropped: they would force a loop."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """The way of a lane: its ends and the highway towns between them.

    ``towns`` names the inner waypoints; the name is empty where the lane joins or
    leaves a highway between two towns. ``highways`` is empty where no highway helps
    and the lane goes straight.
    """

    waypoints: tuple[Place, ...]
    towns: tuple[str, ...]
    highways: tuple[str, ...]


class HighwayGraph:
    """Highways cut into short links, so that a lane can join between two towns."""

    def __init__(
        self, towns: dict[str, Place], highways: dict[str, Sequence[str]]
    ) -> None:
        self._places: list[Place] = []
        self._names: list[str | None] = []
        self._links: list[list[tuple[int, float, str]]] = []
        nodes = {name: self._add(place, name) for name, place in towns.items()}
        for highway, route in highways.items():
            for start, end in itertools.pairwise(route):
                self._add_link(nodes[start], nodes[end], highway)

    def _add(self, place: Place, name: str | None) -> int:
        self._places.append(place)
        self._names.append(name)
        self._links.append([])
        return len(self._places) - 1

    def _add_link(self, start: int, end: int, highway: str) -> None:
        a, b = self._places[start], self._places[end]
        parts = max(1, round(distance_m(a, b) / _SPACING_M))
        previous = start
        for part in range(1, parts + 1):
            share = part / parts
            node = end
            if part < parts:
                node = self._add(
                    Place(
                        a.latitude + (b.latitude - a.latitude) * share,
                        a.longitude + (b.longitude - a.longitude) * share,
                    ),
                    None,
                )
            metres = distance_m(self._places[previous], self._places[node])
            self._links[previous].append((node, metres, highway))
            self._links[node].append((previous, metres, highway))
            previous = node

    def corridor(self, source: Place, destination: Place) -> Corridor:
        """The cheapest way between two places, along highways where they help."""
        direct = Corridor((source, destination), (), ())
        access = self._access(source)
        exits = self._access(destination)
        best_cost = OFF_HIGHWAY_COST * distance_m(source, destination)
        best_node: int | None = None
        costs: dict[int, float] = {}
        came: dict[int, tuple[int, str]] = {}
        queue = [(cost, node) for node, cost in access.items()]
        heapq.heapify(queue)
        for node, cost in access.items():
            costs[node] = cost
        while queue:
            cost, node = heapq.heappop(queue)
            if cost >= best_cost:
                break
            if cost > costs[node]:
                continue
            if node in exits and cost + exits[node] < best_cost:
                best_cost, best_node = cost + exits[node], node
            for neighbour, metres, highway in self._links[node]:
                through = cost + metres
                if through < costs.get(neighbour, float("inf")):
                    costs[neighbour] = through
                    came[neighbour] = (node, highway)
                    heapq.heappush(queue, (through, neighbour))
        if best_node is None:
            return direct
        return self._unwind(source, destination, best_node, came)

    def _access(self, place: Place) -> dict[int, float]:
        reach = {
            node: OFF_HIGHWAY_COST * metres
            for node, metres in (
                (node, distance_m(place, there))
                for node, there in enumerate(self._places)
                if abs(there.latitude - place.latitude) < 0.6
            )
            if metres <= REACH_M
        }
        return reach

    def _unwind(
        self,
        source: Place,
        destination: Place,
        last: int,
        came: dict[int, tuple[int, str]],
    ) -> Corridor:
        path, highways = [last], []
        while path[-1] in came:
            node, highway = came[path[-1]]
            path.append(node)
            highways.append(highway)
        path.reverse()
        highways.reverse()
        # Between towns only the joining and the leaving point matter: the others lie
        # on the straight line and would stiffen the curve through the towns.
        kept = [
            node
            for position, node in enumerate(path)
            if self._names[node] is not None or position in (0, len(path) - 1)
        ]
        between = [
            node
            for node in kept
            if distance_m(source, self._places[node]) > _CROWDED_M
            and distance_m(self._places[node], destination) > _CROWDED_M
        ]
        return Corridor(
            (source, *(self._places[node] for node in between), destination),
            tuple(self._names[node] or "" for node in between),
            tuple(dict.fromkeys(highways)),
        )


@lru_cache(maxsize=1)
def indian_highways() -> HighwayGraph:
    """The graph of ``highways.json``."""
    text = (files("simulator") / "highways.json").read_text(encoding="utf-8")
    document = json.loads(text)
    towns = {name: Place(*position) for name, position in document["towns"].items()}
    return HighwayGraph(towns, document["highways"])
