"""The fleet file is read exactly, or refused with place and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.fleet import FleetError, Vehicle, load_fleet, parse_fleet
from simulator.tests.conftest import MUMBAI, row


def test_a_fleet_file_is_read(fleet_file: Path) -> None:
    vehicles = load_fleet(fleet_file)

    assert len(vehicles) == 7
    first = vehicles[0]
    assert first.vehicle_identifier == "MH12AB0000"
    assert first.format == "native"
    assert first.source is not None and first.source.place == (19.10, 72.88)
    assert vehicles[6].source is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vehicle_identifier": "mh12"}, "vehicles[0].vehicle_identifier"),
        ({"device_id": "a b"}, "vehicles[0].device_id"),
        ({"device_id": None}, "vehicles[0].device_id"),
        ({"token": 5}, "vehicles[0].token"),
        ({"token": " "}, "vehicles[0].token"),
        ({"format": "morse"}, "none of native, osmand, traccar-json"),
        ({"state": "driving"}, "vehicles[0].state"),
        ({"source": "Mumbai"}, "vehicles[0].source: expected an object"),
        ({"source": {**MUMBAI, "name": 3}}, "vehicles[0].source.name"),
        ({"source": {**MUMBAI, "latitude": 91}}, "91 is outside -85 to 85"),
        ({"source": {**MUMBAI, "longitude": "72"}}, "source.longitude: expected"),
        ({"source": {**MUMBAI, "latitude": True}}, "source.latitude: expected"),
        ({"source": {**MUMBAI, "latitude": float("nan")}}, "nan is outside"),
    ],
)
def test_a_bad_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError) as caught:
        parse_fleet({"vehicles": [row(0, **changes)]})
    assert message in str(caught.value)


def test_an_address_that_was_never_located_is_no_place() -> None:
    nowhere = {"name": "Depot", "latitude": 0, "longitude": 0.0}
    (vehicle,) = parse_fleet({"vehicles": [row(0, source=nowhere)]})
    assert vehicle.source is None
    assert vehicle.destination is not None


@pytest.mark.parametrize(
    "document", [[], {}, {"vehicles": {}}, {"vehicles": []}, {"vehicles": [1]}, None]
)
def test_a_wrong_shape_is_refused(document: object) -> None:
    with pytest.raises(FleetError, match="vehicles"):
        parse_fleet(document)


def test_a_tracker_belongs_to_one_vehicle() -> None:
    with pytest.raises(FleetError, match=r"vehicles\[1\].device_id.*vehicles\[0\]"):
        parse_fleet({"vehicles": [row(0), row(1, device_id="device-0")]})


def test_an_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    with pytest.raises(FleetError, match="fleet.json: cannot be read"):
        load_fleet(path)
    path.write_text('{"vehicles": [}')
    with pytest.raises(FleetError, match=r"fleet.json: not JSON \(line 1, column 15"):
        load_fleet(path)
    path.write_text(json.dumps({"vehicles": [row(0, state="?")]}))
    with pytest.raises(FleetError, match=r"fleet.json: vehicles\[0\].state"):
        load_fleet(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(row(0))), value=JSON)
def test_any_value_in_any_field_is_read_or_refused(field: str, value: object) -> None:
    try:
        (vehicle,) = parse_fleet({"vehicles": [row(0, **{field: value})]})
    except FleetError as error:
        assert f"vehicles[0].{field}" in str(error)
    else:
        assert isinstance(vehicle, Vehicle)
