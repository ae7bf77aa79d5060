"""What `make bench` compares the service with does what a tutorial promises."""

import importlib

import httpx
import pytest

from gps_ingestion_service.database import Connection

SENT = {
    "device_id": "phone",
    "timestamp": "2026-11-23T10:00:00Z",
    "latitude": 18.52,
    "longitude": 73.85,
}


async def test_the_tutorials_service_stores_what_it_acknowledges(
    migrated_url: str, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "TUTORIAL_DATABASE_URL", migrated_url.replace("://", "+asyncpg://")
    )
    tutorial = importlib.import_module("support.tutorial")
    transport = httpx.ASGITransport(tutorial.app)
    async with (
        tutorial.lifespan(tutorial.app),
        httpx.AsyncClient(transport=transport, base_url="http://tutorial") as client,
    ):
        response = await client.post("/positions", json=SENT)
        assert (response.status_code, response.json()) == (200, {"accepted": 1})
        wrong = await client.post("/positions", json={**SENT, "latitude": 91})
        assert wrong.status_code == 422
    stored = await db.fetch("SELECT device_id, latitude FROM tutorial_position")
    assert [tuple(row) for row in stored] == [("phone", 18.52)]
    await db.execute("DROP TABLE tutorial_position")
