"""Tokens that open a part of the API."""

from collections.abc import AsyncIterator

import pytest
from support.service import Service, in_process, settings_for

from gps_ingestion_service.database import Connection

DEVICE = {"vehicle_identifier": "MH1", "version": 1, "enabled": True}
DEPOT = {"type": "circle", "latitude": 18.5, "longitude": 73.8, "radius_m": 200}
BODIES = {
    "/v1/devices/one": DEVICE,
    "/v1/geofences/depot": {"version": 1, "shape": DEPOT},
    "/v1/vehicles/MH1/trip": {"version": 1, "trip": None},
}


@pytest.fixture
async def scoped(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service with a token of every scope."""
    settings = settings_for(
        migrated_url, read_token="may-read", provision_token="may-provision"
    )
    async with in_process(settings) as running:
        await running.state.registry.load()
        yield running


async def status(service: Service, token: str, method: str, path: str) -> int:
    response = await service.client.request(
        method,
        path,
        headers={"Authorization": f"Bearer {token}"},
        json=BODIES[path] if method == "PUT" else None,
    )
    return response.status_code


@pytest.mark.parametrize(
    ("method", "path", "reads", "provisions"),
    [
        ("GET", "/v1/positions/last", 200, 403),
        ("GET", "/v1/devices", 200, 200),
        ("PUT", "/v1/devices/one", 403, 201),
        ("POST", "/v1/devices/one/token", 403, 404),
        ("PUT", "/v1/geofences/depot", 403, 201),
        ("GET", "/v1/geofences", 403, 200),
        ("PUT", "/v1/vehicles/MH1/trip", 403, 201),
        ("GET", "/v1/vehicles/MH1/trip", 403, 404),
        ("DELETE", "/v1/devices/one", 403, 403),
        ("GET", "/v1/quarantine", 403, 403),
        ("GET", "/v1/events", 403, 403),
    ],
)
async def test_a_token_opens_its_part_only(
    scoped: Service, method: str, path: str, reads: int, provisions: int
) -> None:
    assert await status(scoped, "may-read", method, path) == reads
    assert await status(scoped, "may-provision", method, path) == provisions
    assert await status(scoped, "the-admin-token", method, path) < 403 or reads == 403
    assert await status(scoped, "wrong", method, path) == 401


async def test_a_closed_part_is_named(scoped: Service) -> None:
    response = await scoped.client.get(
        "/v1/quarantine", headers={"Authorization": "Bearer may-read"}
    )
    assert response.json()["error"]["code"] == "insufficient_scope"
