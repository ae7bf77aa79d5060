"""A clock that was read in a wrong zone: its fixes are put right, and back again."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.service import ADMIN, Service, in_process, over_http, row, settings_for

from gps_ingestion_service.app import fact_worker
from gps_ingestion_service.cli import main
from gps_ingestion_service.clocks import repository
from gps_ingestion_service.clocks.plan import possible
from gps_ingestion_service.database import Connection
from gps_ingestion_service.errors import StorageUnavailable
from gps_ingestion_service.time_policy import WEEK_TURN

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
# A day ago, so that no zone leads into the future.
THEN = NOW - timedelta(days=1)
RANGE = {"from": (NOW - timedelta(days=3)).isoformat(), "to": NOW.isoformat()}


async def set_clock(service: Service, minutes: int | None) -> None:
    response = await service.client.put(
        "/v1/devices/phone/clock", json={"utc_offset_minutes": minutes}, headers=ADMIN
    )
    assert response.status_code == 200


async def drive(
    service: Service, token: dict[str, str], *shown: datetime, **more: Any
) -> None:
    """Send fixes that carry what the clock of the phone showed, without a zone."""
    for number, time in enumerate(shown):
        query = {
            "id": "phone",
            "lat": str(18.5 + number / 100),
            "lon": "73.8",
            "timestamp": f"{time:%Y-%m-%d %H:%M:%S}",
            **more,
        }
        response = await service.client.get("/v1/osmand", params=query, headers=token)
        assert response.json()["accepted"] == 1, response.text


async def recorrect(service: Service, **params: str) -> dict[str, Any]:
    response = await service.client.post(
        "/v1/devices/phone/recorrect", params={**RANGE, **params}, headers=ADMIN
    )
    assert response.status_code == 200, response.text
    done: dict[str, Any] = response.json()
    return done


async def times(db: Connection, table: str = "fix") -> list[datetime]:
    return [
        record["fix_time"]
        for record in await db.fetch(f"SELECT fix_time FROM {table} ORDER BY fix_time")
    ]


async def everything(db: Connection) -> list[tuple[Any, ...]]:
    """All fixes, with all that is known of them, in order of time."""
    return [tuple(item) for item in await db.fetch("SELECT * FROM fix ORDER BY 2")]


@pytest.fixture
async def token(service: Service) -> dict[str, str]:
    """Of a phone whose clock shows UTC, while it is said to be in India."""
    header = await service.provision("phone")
    await set_clock(service, 330)
    return header


async def test_a_wrong_zone_is_taken_out_of_stored_fixes(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    shown = [THEN + timedelta(seconds=10 * n) for n in range(5)]
    await drive(service, token, *shown)
    assert await times(db) == [time - 5.5 * HOUR for time in shown]
    before = await everything(db)
    await set_clock(service, 0)
    assert await recorrect(service) == {"checked": 5, "corrected": 5, "left": {}}
    after = await everything(db)
    assert await times(db) == shown
    # Nothing but the time is another one.
    assert [(item[0], *item[2:]) for item in after] == [
        (item[0], *item[2:]) for item in before
    ]
    for table in ("last_position", "outbox"):
        assert await times(db, table) == [shown[-1]]


async def test_the_second_time_changes_nothing(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, THEN, THEN + HOUR)
    await set_clock(service, None)
    await recorrect(service)
    once = await everything(db)
    assert await recorrect(service) == {"checked": 2, "corrected": 0, "left": {}}
    assert await everything(db) == once


async def test_a_correction_can_be_taken_back(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    # A fix every half hour: each takes the place of another, in both directions.
    await drive(service, token, *(THEN + n * HOUR / 2 for n in range(24)))
    before = await everything(db)
    for minutes in (0, 330):
        await set_clock(service, minutes)
        assert (await recorrect(service))["corrected"] == 24
    assert await everything(db) == before
    assert await times(db, "last_position") == await times(db, "outbox")


async def test_what_the_device_said_itself_counts_where_nobody_set_a_zone(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, THEN)
    await db.execute(
        "UPDATE fix SET attributes = attributes || $1",
        json.dumps({"announced_offset_minutes": 60}),
    )
    await set_clock(service, None)
    await recorrect(service)
    assert await times(db) == [THEN - HOUR]


async def test_a_time_that_came_with_a_zone_stays_as_it_is(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    turned = (THEN - WEEK_TURN).isoformat()
    claims = {"announced_offset_minutes": "noon"}
    rows = [
        row(86_400),
        row(timestamp=turned),
        row(timestamp=turned, attributes=claims),
    ]
    assert (await service.post(rows, token)).json()["accepted"] == 2
    before = await everything(db)
    await set_clock(service, -840)
    assert await recorrect(service) == {"checked": 0, "corrected": 0, "left": {}}
    assert await everything(db) == before


async def test_only_the_range_is_corrected(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, THEN, THEN + HOUR, THEN + 2 * HOUR)
    await set_clock(service, 0)
    stored = THEN - 5.5 * HOUR
    done = await recorrect(
        service,
        **{"from": (stored + HOUR).isoformat(), "to": (stored + 2 * HOUR).isoformat()},
    )
    assert done["corrected"] == 1
    assert await times(db) == [stored, stored + 2 * HOUR, THEN + HOUR]


async def test_a_fix_whose_time_is_taken_stays_and_says_so(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, THEN, THEN + HOUR)
    await service.post([row(timestamp=THEN.isoformat())], token)
    await set_clock(service, 0)
    done = await recorrect(service)
    assert done == {"checked": 2, "corrected": 1, "left": {"time_taken": 1}}
    assert await times(db) == [THEN - 5.5 * HOUR, THEN, THEN + HOUR]


async def test_no_fix_is_corrected_into_the_future(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, NOW)
    before = await everything(db)
    await set_clock(service, -60)
    done = await recorrect(service)
    assert done == {"checked": 1, "corrected": 0, "left": {"fix_time_in_future": 1}}
    assert await everything(db) == before


async def test_a_device_that_is_stored_on_trips_only_keeps_its_fixes_within(
    service: Service, db: Connection, token: dict[str, str]
) -> None:
    await drive(service, token, THEN, THEN + 6 * HOUR)
    await db.execute("UPDATE device SET only_on_trip = true")
    await db.execute(
        """INSERT INTO trip_interval (vehicle_identifier, reference, started_at)
        VALUES ('MH12AB1234', 'T1', $1)""",
        THEN + HOUR,
    )
    await set_clock(service, 0)
    done = await recorrect(service)
    assert done == {"checked": 2, "corrected": 1, "left": {"outside_trip": 1}}
    assert await times(db) == [THEN - 5.5 * HOUR, THEN + 6 * HOUR]


async def test_a_correction_that_fails_half_way_has_not_happened(
    service: Service,
    db: Connection,
    token: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable()

    await drive(service, token, THEN, THEN + HOUR)
    await set_clock(service, 0)
    before = await everything(db)
    monkeypatch.setattr(repository, "renew_last", fail)
    response = await service.client.post(
        "/v1/devices/phone/recorrect", params=RANGE, headers=ADMIN
    )
    assert response.status_code == 503
    assert await everything(db) == before


async def test_a_fix_that_comes_at_that_moment_makes_it_be_tried_again(
    service: Service,
    db: Connection,
    token: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def none_yet(*_: object) -> set[datetime]:
        return set()

    await drive(service, token, THEN)
    await service.post([row(timestamp=THEN.isoformat())], token)
    await set_clock(service, 0)
    monkeypatch.setattr(repository, "taken", none_yet)
    response = await service.client.post(
        "/v1/devices/phone/recorrect", params=RANGE, headers=ADMIN
    )
    assert response.status_code == 503
    assert await times(db) == [THEN - 5.5 * HOUR, THEN]


@pytest.fixture
async def with_facts(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service whose facts the test evaluates."""
    settings = settings_for(migrated_url, facts=True, facts_interval_s=60)
    async with in_process(settings) as running:
        await running.state.registry.load()
        yield running


async def test_the_facts_are_those_of_the_right_times(
    with_facts: Service, db: Connection
) -> None:
    service = with_facts
    token = await service.provision("phone")
    await set_clock(service, 330)
    for seconds, ignition in ((0, "true"), (60, "true"), (120, "false")):
        await drive(
            service, token, THEN + timedelta(seconds=seconds), ignition=ignition
        )
    await fact_worker(service.state).work()
    facts = "SELECT kind, started_at, ended_at FROM fact WHERE NOT retracted"
    early = THEN - 5.5 * HOUR
    two_minutes = timedelta(minutes=2)
    assert [tuple(item) for item in await db.fetch(facts)] == [
        ("ignition", early, early + two_minutes)
    ]
    await set_clock(service, 0)
    await recorrect(service)
    await fact_worker(service.state).work()
    assert [tuple(item) for item in await db.fetch(facts)] == [
        ("ignition", THEN, THEN + two_minutes)
    ]


async def test_only_the_admin_corrects_and_a_device_must_exist(
    service: Service,
) -> None:
    async def status(device_id: str, **changes: Any) -> int:
        response = await service.client.post(
            f"/v1/devices/{device_id}/recorrect",
            **{"params": RANGE, "headers": ADMIN, **changes},
        )
        return response.status_code

    assert await status("phone") == 404
    assert await status("phone", headers={}) == 401
    assert await status("phone", params={"from": RANGE["from"]}) == 422


async def test_too_long_a_range_is_refused(
    service: Service, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive(service, token, THEN, THEN + HOUR)
    monkeypatch.setattr("gps_ingestion_service.clocks.service._MOST", 1)
    response = await service.client.post(
        "/v1/devices/phone/recorrect", params=RANGE, headers=ADMIN
    )
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "range_too_long"


@pytest.mark.usefixtures("unlogged")
async def test_people_correct_at_a_shell(
    migrated_url: str,
    db: Connection,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GPS_ADMIN_TOKEN", "the-admin-token")

    async def command(url: str) -> int:
        return await asyncio.to_thread(
            main,
            [
                "clock", "--url", url, "recorrect", "phone",
                "--from", RANGE["from"], "--to", RANGE["to"],
            ],
        )  # fmt: skip

    async with over_http(settings_for(migrated_url)) as (service, url):
        token = await service.provision("phone")
        await drive(service, token, THEN)
        await set_clock(service, 60)
        assert await command(url) == 0
        assert json.loads(capsys.readouterr().out)["corrected"] == 1
        await service.post([row(timestamp=THEN.isoformat())], token)
        await set_clock(service, 0)
        assert await command(url) == 1
        assert json.loads(capsys.readouterr().out)["left"] == {"time_taken": 1}


MOMENTS = st.integers(0, 40).map(lambda minutes: THEN + timedelta(minutes=minutes))


@given(st.dictionaries(MOMENTS, MOMENTS), st.sets(MOMENTS))
def test_whatever_moves_no_two_fixes_meet(
    wanted: dict[datetime, datetime], others: set[datetime]
) -> None:
    wanted = {old: new for old, new in wanted.items() if old != new}
    stored = others | set(wanted)
    moves = possible(wanted, stored)
    assert moves.items() <= wanted.items()
    after = [moves.get(time, time) for time in stored]
    assert len(set(after)) == len(after)
    if len(set(wanted.values()) | (others - set(wanted))) == len(stored):
        assert moves == wanted
