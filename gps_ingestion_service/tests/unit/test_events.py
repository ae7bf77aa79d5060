"""Facts to Odoo: every revision at least once, and dead letters that can be sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse
from support.odoo import SECRET, FakeOdoo, error
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    in_process,
    over_http,
    row,
    settings_for,
)

from gps_ingestion_service.cli import main
from gps_ingestion_service.database import Connection

Output = pytest.CaptureFixture[str]


@pytest.fixture
async def evaluating(
    migrated_url: str, db: Connection, odoo: FakeOdoo
) -> AsyncIterator[Service]:
    """A service that evaluates facts and pushes to that Odoo at once."""
    settings = settings_for(
        migrated_url, facts=True, odoo_url=odoo.url, odoo_hmac_secret=SECRET
    )
    async with in_process(settings) as running:
        await running.state.registry.load()
        yield running


async def stop(service: Service, device_id: str = "one", vehicle: str = "MH1") -> None:
    """A truck that rested five minutes."""
    await service.provision(device_id, vehicle)
    await rest(service, device_id)


async def rest(service: Service, device_id: str) -> None:
    rows = [row(age, device_id=device_id, longitude=73) for age in (600, 500, 300)]
    rows.append(row(200, device_id=device_id, longitude=73.01))
    response = await service.post(rows, GATEWAY)
    assert response.json()["accepted"] == 4


async def events(service: Service, **params: Any) -> list[dict[str, Any]]:
    """What the API lists."""
    response = await service.client.get("/v1/events", params=params, headers=ADMIN)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["events"]
    return found


async def wait_for(service: Service, **params: Any) -> dict[str, Any]:
    """The first event of that kind, once there is one."""

    async def there() -> bool:
        return bool(await events(service, **params))

    await eventually(there, f"an event is {params}")
    return (await events(service, **params))[0]


async def test_a_stop_arrives_in_the_agreed_form(
    evaluating: Service, odoo: FakeOdoo, db: Connection
) -> None:
    odoo.vehicles.add("MH1")
    await stop(evaluating)
    listed = await wait_for(evaluating, delivery="delivered")
    (event,) = odoo.events.values()
    assert event == {
        "uuid": listed["uuid"],
        "revision": 1,
        "retracted": False,
        "kind": "stop",
        "subject": "",
        "vehicle_identifier": "MH1",
        "device_id": "one",
        "started_at": listed["started_at"],
        "ended_at": listed["ended_at"],
        "latitude": 18.5204,
        "longitude": 73.0,
        "data": {},
    }
    ended = datetime.fromisoformat(event["ended_at"])
    assert 190 < (datetime.now(UTC) - ended).total_seconds() < 3600
    assert odoo.bad_signatures == 0
    page = await evaluating.metrics()
    assert 'gps_facts_total{kind="stop",outcome="new"} 1.0' in page
    assert 'gps_push_events_total{result="stored"} 1.0' in page


async def test_a_changed_fact_is_sent_with_a_higher_revision(
    evaluating: Service, odoo: FakeOdoo
) -> None:
    odoo.vehicles.add("MH1")
    await stop(evaluating)
    first = await wait_for(evaluating, delivery="delivered")
    await evaluating.post([row(560, device_id="one", longitude=73.005)], GATEWAY)

    async def changed() -> bool:
        return bool(odoo.events[first["uuid"]]["revision"] == 2)

    await eventually(changed, "the second revision arrived")
    assert odoo.events[first["uuid"]]["started_at"] > first["started_at"]


async def test_an_event_without_an_answer_is_sent_again(
    evaluating: Service, odoo: FakeOdoo
) -> None:
    odoo.vehicles.add("MH1")
    await evaluating.provision("one", "MH1")
    await evaluating.post([row(9000, device_id="one")], GATEWAY)

    async def all_positions_sent() -> bool:
        return bool(odoo.positions)

    await eventually(all_positions_sent, "only the event is left to send")
    odoo.answers += [error(502, "proxy"), JSONResponse({"results": []})]
    await rest(evaluating, "one")
    await wait_for(evaluating, delivery="delivered")
    assert odoo.event_calls + len(odoo.batches) >= 4


async def test_without_facts_nothing_is_noted(service: Service, db: Connection) -> None:
    await stop(service)
    assert await db.fetchval("SELECT count(*) FROM fact_due") == 0


async def test_what_was_not_evaluated_before_a_stop_is_evaluated_after_it(
    service: Service, migrated_url: str, db: Connection
) -> None:
    async with in_process(
        settings_for(migrated_url, facts=True, facts_interval_s=60)
    ) as first:
        await first.state.registry.load()

        async def has_looked() -> bool:
            return "gps_facts_due 0.0" in await first.metrics()

        await eventually(has_looked, "the first service waits for its next look")
        await stop(first)
    async with in_process(settings_for(migrated_url, facts=True)) as second:
        event = await wait_for(second, delivery="waiting")
    assert event["kind"] == "stop"


async def test_an_unknown_vehicle_is_asked_for_again_later(
    evaluating: Service, odoo: FakeOdoo, db: Connection
) -> None:
    await stop(evaluating)

    async def deferred() -> bool:
        return 'gps_events{state="deferred"} 1.0' in await evaluating.metrics()

    await eventually(deferred, "the event is deferred")
    odoo.vehicles.add("MH1")
    await db.execute("UPDATE fact SET not_before = now()")
    await wait_for(evaluating, delivery="delivered")


async def test_an_unknown_vehicle_is_a_dead_letter_after_a_day(
    evaluating: Service, odoo: FakeOdoo, db: Connection
) -> None:
    await stop(evaluating)

    async def deferred() -> bool:
        return bool(await db.fetchval("SELECT refusals FROM fact"))

    await eventually(deferred, "the event was refused once")
    await db.execute(
        "UPDATE fact SET changed_at = now() - interval '25 hours', not_before = NULL"
    )
    dead = await wait_for(evaluating, delivery="dead")
    assert dead["dead_reason"] == "unknown_vehicle"
    assert 'gps_events{state="dead"} 1.0' in await evaluating.metrics()


async def test_a_dead_letter_is_listed_and_sent_again(
    evaluating: Service, odoo: FakeOdoo
) -> None:
    odoo.invalid.add("MH1")
    await stop(evaluating)
    dead = await wait_for(evaluating, delivery="dead")
    assert dead["dead_reason"] == "invalid: kind: unknown"
    odoo.invalid.clear()
    odoo.vehicles.add("MH1")
    path = f"/v1/events/{dead['uuid']}"
    response = await evaluating.client.post(f"{path}/resend", headers=ADMIN)
    assert response.json() == {"resent": 1}
    await wait_for(evaluating, delivery="delivered")
    shown = (await evaluating.client.get(path, headers=ADMIN)).json()
    assert (shown["delivery"], shown["delivered_revision"]) == ("delivered", 1)
    assert list(odoo.events) == [dead["uuid"]]


async def test_a_body_that_odoo_refuses_costs_only_the_culprit(
    evaluating: Service, odoo: FakeOdoo
) -> None:
    odoo.vehicles.update({"MH1", "MH2"})
    odoo.refused.add("MH2")
    async with odoo.held():
        await stop(evaluating, "one", "MH1")
        await stop(evaluating, "two", "MH2")
    assert (await wait_for(evaluating, delivery="dead"))["vehicle_identifier"] == "MH2"
    delivered = await wait_for(evaluating, delivery="delivered")
    assert delivered["vehicle_identifier"] == "MH1"


async def test_events_are_paged(evaluating: Service) -> None:
    await stop(evaluating, "one", "MH1")
    await stop(evaluating, "two", "MH2")

    async def both() -> bool:
        return len(await events(evaluating)) == 2

    await eventually(both, "both stops are facts")
    params = {"limit": 1}
    first = await evaluating.client.get("/v1/events", params=params, headers=ADMIN)
    params["cursor"] = first.json()["next"]
    second = await evaluating.client.get("/v1/events", params=params, headers=ADMIN)
    assert second.json()["next"] is None
    assert len({page.json()["events"][0]["uuid"] for page in (first, second)}) == 2
    (mine,) = await events(evaluating, vehicle_identifier="MH2")
    assert mine["device_id"] == "two"


async def test_an_event_that_is_not_there_is_404(service: Service) -> None:
    path = "/v1/events/00000000-0000-4000-8000-000000000000"
    for method, url in (("GET", path), ("POST", f"{path}/resend")):
        response = await service.client.request(method, url, headers=ADMIN)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "unknown_event"


async def test_events_are_for_the_admin_only(service: Service) -> None:
    assert (await service.client.get("/v1/events")).status_code == 401
    assert (await service.client.post("/v1/events/resend")).status_code == 401


@pytest.mark.usefixtures("unlogged")
async def test_dead_letters_are_listed_and_sent_again_at_a_shell(
    migrated_url: str,
    db: Connection,
    odoo: FakeOdoo,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GPS_ADMIN_TOKEN", "the-admin-token")
    odoo.invalid.add("MH1")
    settings = settings_for(
        migrated_url, facts=True, odoo_url=odoo.url, odoo_hmac_secret=SECRET
    )
    async with over_http(settings) as (service, url):
        await service.state.registry.load()
        await stop(service)
        dead = await wait_for(service, delivery="dead")
        capsys.readouterr()

        async def run(*arguments: str) -> tuple[int, str]:
            status = await asyncio.to_thread(main, ["events", "--url", url, *arguments])
            return status, capsys.readouterr().out.strip()

        status, out = await run("list", "--delivery", "dead", "--vehicle", "MH1")
        assert (status, json.loads(out)) == (0, dead)
        status, out = await run("show", dead["uuid"])
        assert (status, json.loads(out)["dead_reason"]) == (0, dead["dead_reason"])
        odoo.invalid.clear()
        odoo.vehicles.add("MH1")
        assert await run("resend", "--dead") == (0, '{"resent": 1}')
        await wait_for(service, delivery="delivered")
        assert await run("resend", dead["uuid"]) == (0, '{"resent": 1}')
