"""Several replicas on one database."""

from collections.abc import AsyncIterator

import pytest
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection, Executor
from gps_ingestion_service.devices import repository
from gps_ingestion_service.devices.repository import Device
from gps_ingestion_service.rate_limit import RateLimit


@pytest.fixture
async def second(migrated_url: str, service: Service) -> AsyncIterator[Service]:
    """Another replica beside ``service``, following the devices."""
    async with in_process(settings_for(migrated_url)) as running:

        async def listening() -> bool:
            return (await running.client.get("/readyz")).status_code == 200

        await eventually(listening, "the second replica is ready")
        yield running


async def test_a_token_issued_by_one_replica_opens_the_other_at_once(
    service: Service, second: Service
) -> None:
    for number in range(5):
        device, vehicle = f"device-{number}", f"MH{number}"
        token = await service.provision(device, vehicle)
        assert (await second.post([row()], token)).status_code == 200
        # Issued anew, it opens a device that the other replica knows already.
        issued = await service.client.post(f"/v1/devices/{device}/token", headers=ADMIN)
        token = {"Authorization": f"Bearer {issued.json()['token']}"}
        response = await second.client.get(
            f"/v1/osmand?id={device}&lat=18.5&lon=73.8", headers=token
        )
        assert response.status_code == 200, response.text


async def test_a_flood_of_wrong_tokens_hardly_reaches_the_database(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    find = repository.find_by_token

    async def counted(connection: Executor, token_hash: bytes) -> list[Device]:
        looks.append(token_hash)
        return await find(connection, token_hash)

    monkeypatch.setattr(repository, "find_by_token", counted)
    # No time passes: on a busy machine the flood takes its own.
    monkeypatch.setattr(
        service.state.registry, "_second_looks", RateLimit(20, 20, clock=lambda: 0)
    )
    for number in range(60):
        assert (
            await service.post([row()], {"Authorization": f"Bearer wrong-{number}"})
        ).status_code in (
            401,
            429,
        )
    assert len(looks) == 20


async def test_a_device_disabled_at_one_replica_is_refused_by_the_other(
    service: Service, second: Service
) -> None:
    token = await service.provision("one")
    spec = {"vehicle_identifier": "MH12AB1234", "version": 2, "enabled": False}
    await service.client.put("/v1/devices/one", json=spec, headers=ADMIN)

    async def refused() -> bool:
        return (await second.post([row()], token)).status_code == 403

    await eventually(refused, "the other replica refuses the device")


async def test_a_gateway_never_has_to_wait_for_the_news(
    service: Service, second: Service, db: Connection
) -> None:
    for number in range(5):
        name, vehicle = f"device-{number}", f"MH{number}"
        await service.provision(name, vehicle)
        rows = [row(device_id=name), row(1, vehicle_identifier=vehicle)]
        assert (await second.post(rows, GATEWAY)).json()["accepted"] == 2


async def test_a_replica_that_lost_its_connection_hears_the_news_again(
    service: Service, second: Service, db: Connection
) -> None:
    await db.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'gps_ingestion_service' AND query LIKE 'LISTEN%'"
    )
    await db.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'gps_ingestion_service'"
    )

    async def provisioned() -> bool:
        spec = {"vehicle_identifier": "MH1", "version": 1}
        response = await service.client.put(
            "/v1/devices/late", json=spec, headers=ADMIN
        )
        return response.status_code in (200, 201)

    await eventually(provisioned, "the first replica writes again")

    async def known() -> bool:
        return second.state.registry.device("late") is not None

    await eventually(known, "the second replica knows the device")


async def test_postgresql_finds_within_a_minute_that_a_replica_is_gone(
    service: Service,
) -> None:
    connection = await service.state.database.connect()
    idle, interval, count, unanswered_ms = [
        # What the kernel was told of this very connection.
        await connection.fetchval(
            "SELECT setting::integer FROM pg_settings WHERE name = $1", name
        )
        for name in (
            "tcp_keepalives_idle",
            "tcp_keepalives_interval",
            "tcp_keepalives_count",
            "tcp_user_timeout",
        )
    ]
    await connection.close()
    assert 0 < idle + interval * count <= 60
    assert 0 < unanswered_ms <= 60_000
