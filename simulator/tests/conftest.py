"""Shared fixtures: a small fleet and its scene."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.fleet import Vehicle, parse_fleet
from simulator.scene import Scene

MUMBAI = {"name": "Mumbai", "latitude": 19.10, "longitude": 72.88}
PUNE = {"name": "Pune", "latitude": 18.60, "longitude": 73.80}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """One valid vehicle of a fleet file."""
    formats = ("native", "osmand", "traccar-json")
    return {
        "vehicle_identifier": f"MH12AB{number:04d}",
        "device_id": f"device-{number}",
        "token": f"secret-{number}",
        "format": formats[number % 3],
        "state": "in_transit",
        "source": MUMBAI,
        "destination": PUNE,
        **changes,
    }


@pytest.fixture
def fleet_document() -> dict[str, Any]:
    return {
        "vehicles": [
            row(0),
            row(1, source=PUNE, destination=MUMBAI),
            row(2),
            row(3, state="on_hold"),
            row(4, state="assigned"),
            row(5, state="delivered"),
            row(6, state=None, source=None, destination=None),
        ]
    }


@pytest.fixture
def fleet_file(tmp_path: Path, fleet_document: dict[str, Any]) -> Path:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(fleet_document))
    return path


@pytest.fixture
def vehicles(fleet_document: dict[str, Any]) -> list[Vehicle]:
    return parse_fleet(fleet_document)


@pytest.fixture(scope="session")
def scene() -> Scene:
    """A scene whose roads are shared by the tests; scenes are deterministic."""
    return Scene(parse_fleet({"vehicles": [row(0)]}), seed=7)
