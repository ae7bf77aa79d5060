"""A device that is stored on trips only: nothing else of it is kept or forwarded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.listening import TWO, teltonika
from support.service import ADMIN, GATEWAY, Service, row, settings_for
from support.sockets import logged_in
from support.trackers import IMEI, frame, recent

from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.events.pusher import FactKeeper
from gps_ingestion_service.facts.model import Rules
from gps_ingestion_service.facts.worker import FactWorker
from gps_ingestion_service.observability.metrics import Metrics

VEHICLE = "MH1"
PLACES = {
    "source": {"latitude": 18, "longitude": 73},
    "destination": {"latitude": 19, "longitude": 74},
}


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def provision(
    service: Service, version: int = 2, device_id: str = "one", **changes: Any
) -> httpx.Response:
    spec = {"vehicle_identifier": VEHICLE, "version": version, "only_on_trip": True}
    return await service.client.put(
        f"/v1/devices/{device_id}", json={**spec, **changes}, headers=ADMIN
    )


@pytest.fixture
async def private(service: Service) -> Service:
    """A service with the device ``one``, stored on trips only."""
    await service.provision("one", VEHICLE)
    assert (await provision(service)).json()["only_on_trip"] is True
    return service


async def set_trip(
    service: Service, version: int, started: float | None, reference: str = "T1"
) -> None:
    """Open a trip that started so many minutes ago; None: end it."""
    trip = None
    if started is not None:
        trip = {"reference": reference, "started_at": minutes_ago(started), **PLACES}
    answer = await service.client.put(
        f"/v1/vehicles/{VEHICLE}/trip",
        json={"version": version, "trip": trip},
        headers=ADMIN,
    )
    assert answer.status_code in (200, 201), answer.text


async def send(service: Service, *minutes: float) -> dict[str, Any]:
    rows = [row(60 * ago, device_id="one") for ago in minutes]
    body: dict[str, Any] = (await service.post(rows, GATEWAY)).json()
    return body


def statuses(body: dict[str, Any]) -> list[str]:
    return [result["status"] for result in body["results"]]


async def stored(db: Connection) -> int:
    count: int = await db.fetchval("SELECT count(*) FROM fix")
    return count


async def test_outside_of_a_trip_a_fix_is_acknowledged_counted_and_nowhere_kept(
    private: Service, db: Connection
) -> None:
    body = await send(private, 1)
    assert (body["accepted"], body["withheld"]) == (0, 1)
    (verdict,) = body["results"]
    assert (verdict["status"], verdict["code"]) == ("withheld", "outside_trip")
    for table in ("fix", "last_position", "outbox", "fact_due", "quarantine"):
        assert await db.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert 'gps_fixes_total{status="withheld"} 1.0' in await private.metrics()


async def test_during_a_trip_it_is_stored(private: Service, db: Connection) -> None:
    await set_trip(private, 1, started=30)
    body = await send(private, 40, 20, 0)
    assert statuses(body) == ["withheld", "accepted", "accepted"]
    assert await stored(db) == 2


async def test_a_late_fix_is_judged_by_the_trip_of_its_time(
    private: Service, db: Connection
) -> None:
    await set_trip(private, 1, started=60)
    await set_trip(private, 2, started=None)
    # The trip ended a moment ago; between the trips nothing is kept.
    await db.execute("UPDATE trip_interval SET ended_at = now() - interval '40 min'")
    await set_trip(private, 3, started=20, reference="T2")
    body = await send(private, 70, 50, 30, 10)
    assert statuses(body) == ["withheld", "accepted", "withheld", "accepted"]


async def test_the_next_trip_ends_the_one_before(
    private: Service, db: Connection
) -> None:
    await set_trip(private, 1, started=60)
    await set_trip(private, 2, started=10, reference="T2")
    intervals = await db.fetch(
        "SELECT reference, ended_at IS NULL AS is_open FROM trip_interval "
        "ORDER BY started_at"
    )
    assert [tuple(item) for item in intervals] == [("T1", False), ("T2", True)]


async def test_a_start_that_is_moved_counts_from_then_on(private: Service) -> None:
    await set_trip(private, 1, started=10)
    assert statuses(await send(private, 30)) == ["withheld"]
    await set_trip(private, 2, started=60)
    assert statuses(await send(private, 30)) == ["accepted"]


async def test_other_devices_are_stored_as_ever(private: Service) -> None:
    token = await private.provision("two", "MH2")
    body = (await private.post([row()], token)).json()
    assert body == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 0,
        "results": [{"index": 0, "status": "accepted"}],
    }


async def test_the_setting_is_part_of_the_versioned_device(private: Service) -> None:
    assert (await provision(private)).status_code == 200
    response = await provision(private, only_on_trip=False)
    assert response.json()["error"]["code"] == "version_conflict"
    response = await provision(private, version=3, only_on_trip=False)
    assert response.json()["only_on_trip"] is False
    assert statuses(await send(private, 1)) == ["accepted"]


@pytest.mark.parametrize("name", [{"device_id": "one"}, {"vehicle_identifier": "MH1"}])
async def test_nothing_that_was_refused_of_it_is_kept(
    private: Service, db: Connection, name: dict[str, str]
) -> None:
    body = (await private.post([row(-7200, **name)], GATEWAY)).json()
    assert body["results"][0]["code"] == "fix_time_in_future"
    assert await db.fetchval("SELECT count(*) FROM quarantine") == 0
    page = await private.metrics()
    assert 'gps_quarantine_dropped_total{reason="private"} 1.0' in page


async def test_a_tracker_is_told_that_its_records_are_done_with(
    trackers: Service, db: Connection
) -> None:
    await provision(trackers, device_id=IMEI, vehicle_identifier="MH12AB1234")
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(recent(1), recent(0))) == TWO
        assert await link.ask(frame(recent(2), recent(-7200))) == TWO
    for table in ("fix", "quarantine"):
        assert await db.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_it_is_not_silent_while_nothing_is_expected_of_it(
    private: Service, migrated_url: str, db: Connection
) -> None:
    await set_trip(private, 1, started=60)
    await send(private, 50)
    device = await db.fetchval("SELECT id FROM device WHERE device_id = 'one'")
    await db.execute(
        "INSERT INTO fact_due (device, from_time, to_time) "
        "SELECT device, fix_time, fix_time FROM fix WHERE device = $1",
        device,
    )
    database = Database(settings_for(migrated_url))
    await database.open()

    async def look() -> int:
        worker = FactWorker(database, Metrics(), Rules(), 1, timedelta(days=7))
        await worker.work()
        await db.execute(
            "UPDATE fact_state SET evaluated_at = now() - interval '1 hour'"
        )
        count: int = await db.fetchval(
            "SELECT count(*) FROM fact WHERE kind = 'silence'"
        )
        return count

    assert await look() == 0
    await set_trip(private, 2, started=None)
    assert await look() == 0
    await set_trip(private, 3, started=30, reference="T2")
    assert await look() == 1
    await database.close()


async def test_trips_are_remembered_for_as_long_as_their_fixes_may_come(
    private: Service, migrated_url: str, db: Connection
) -> None:
    await set_trip(private, 1, started=60)
    await set_trip(private, 2, started=None)
    await db.execute("UPDATE trip_interval SET ended_at = now() - interval '10 days'")
    database = Database(settings_for(migrated_url))
    await database.open()
    for fix_age, left in ((20, 1), (5, 0)):
        await FactKeeper(database, timedelta(1), timedelta(fix_age)).expire()
        assert await db.fetchval("SELECT count(*) FROM trip_interval") == left
    await database.close()
