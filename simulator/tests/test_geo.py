"""Projection, distance and bearing agree with the sphere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.geo import (
    Place,
    bearing_deg,
    distance_m,
    ground_scale,
    offset,
    project,
    unproject,
)

PLACES = st.builds(Place, st.floats(-80, 80), st.floats(-179, 179))


@given(PLACES)
def test_projecting_there_and_back_is_the_same_place(place: Place) -> None:
    again = unproject(project(place))
    assert again.latitude == pytest.approx(place.latitude, abs=1e-9)
    assert again.longitude == pytest.approx(place.longitude, abs=1e-9)


@given(PLACES, st.floats(-500, 500), st.floats(-500, 500))
def test_ground_scale_turns_plane_metres_into_metres(
    place: Place, east_m: float, north_m: float
) -> None:
    moved = offset(place, east_m, north_m)
    a, b = project(place), project(moved)
    plane = ((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5
    true = distance_m(place, moved)
    assert plane * ground_scale((a.y + b.y) / 2) == pytest.approx(
        true, rel=1e-3, abs=1e-2
    )


def test_one_degree_of_latitude_is_111_km() -> None:
    assert distance_m(Place(18, 73), Place(19, 73)) == pytest.approx(111_195, abs=1)


@pytest.mark.parametrize(
    ("to", "bearing"),
    [
        (Place(1, 0), 0),
        (Place(0, 1), 90),
        (Place(-1, 0), 180),
        (Place(0, -1), 270),
    ],
)
def test_bearings_are_clockwise_from_north(to: Place, bearing: float) -> None:
    assert bearing_deg(Place(0, 0), to) == pytest.approx(bearing)
