"""A lane follows the highways, where that is the way to go."""

from __future__ import annotations

import itertools

import pytest

from simulator.geo import Place, distance_m
from simulator.highways import HighwayGraph, indian_highways

MUMBAI, PUNE = Place(19.10, 72.88), Place(18.60, 73.80)
DELHI, BENGALURU = Place(28.65, 77.20), Place(12.95, 77.65)


def test_mumbai_to_pune_climbs_to_lonavla() -> None:
    corridor = indian_highways().corridor(MUMBAI, PUNE)

    named = [town for town in corridor.towns if town]
    assert named == ["Vashi", "Panvel", "Khopoli", "Lonavla"]
    assert "NH 48" in corridor.highways
    assert corridor.waypoints[0] == MUMBAI
    assert corridor.waypoints[-1] == PUNE


def test_a_long_lane_changes_highways_and_makes_no_great_detour() -> None:
    corridor = indian_highways().corridor(DELHI, BENGALURU)

    length = sum(distance_m(a, b) for a, b in itertools.pairwise(corridor.waypoints))
    assert {"Agra", "Nagpur", "Hyderabad"} <= set(corridor.towns)
    assert length < 1.35 * distance_m(DELHI, BENGALURU)


def test_the_way_back_is_the_way_there() -> None:
    there = indian_highways().corridor(MUMBAI, PUNE)
    back = indian_highways().corridor(PUNE, MUMBAI)
    assert back.waypoints == there.waypoints[::-1]


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (Place(26.91, 70.91), Place(25.75, 71.39)),
        (Place(48.14, 11.58), Place(48.37, 10.90)),
        (Place(19.100, 72.880), Place(19.101, 72.881)),
    ],
    ids=["Thar desert", "another country", "next door"],
)
def test_a_lane_without_a_highway_goes_straight(
    source: Place, destination: Place
) -> None:
    corridor = indian_highways().corridor(source, destination)
    assert corridor.waypoints == (source, destination)
    assert corridor.highways == ()


def test_a_lane_joins_a_highway_between_its_towns() -> None:
    graph = HighwayGraph(
        {"West": Place(20, 70), "East": Place(20, 72)}, {"H": ["West", "East"]}
    )
    corridor = graph.corridor(Place(20.2, 70.5), Place(20.2, 71.5))
    assert corridor.highways == ("H",)
    assert corridor.towns == ("", "")
    assert all(70.5 < place.longitude < 71.5 for place in corridor.waypoints[1:-1])


def test_towns_of_a_highway_are_within_a_days_drive_and_in_india() -> None:
    graph = indian_highways()
    for place, links in zip(graph._places, graph._links, strict=True):
        assert 8 < place.latitude < 33 and 69 < place.longitude < 92
        assert links
        assert all(metres < 13_000 for _, metres, _ in links)
