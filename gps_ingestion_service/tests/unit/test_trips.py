"""The open trip: how far it has come, when it arrives, and what it teaches."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.driving import after
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    eventually,
    in_process,
    row,
    settings_for,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.trips.fact import end, tell
from gps_ingestion_service.trips.intervals import Interval
from gps_ingestion_service.trips.progress import (
    Journey,
    Lesson,
    Pace,
    Place,
    Seen,
    Trip,
    learn,
    progress,
)

# One degree of longitude on the equator: 111.195 km.
TRIP = Trip(
    reference="T1", started_at=after(0), source=Place(0, 0), destination=Place(0, 1)
)
PACE = Pace(detour_factor=1.5, speed=10)


def lesson(trip: Trip, way: list[Seen]) -> Lesson | None:
    """What a way teaches that comes in parts of three."""
    journey = Journey(trip)
    for start in range(0, len(way), 3):
        if journey.take(way[start : start + 3]):
            break
    return journey.lesson


def seen(seconds: float, longitude: float, latitude: float = 0) -> Seen:
    return Seen(after(seconds), Place(latitude, longitude))


def test_what_is_left_is_the_great_circle_times_the_detour() -> None:
    now = progress(TRIP, seen(3600, 0.75), PACE)
    assert now.share == pytest.approx(0.75)
    assert now.remaining_m == pytest.approx(111_195 / 4 * 1.5, rel=1e-4)
    assert now.eta == after(3600) + timedelta(seconds=now.remaining_m / 10)


def test_a_detour_away_from_the_destination_is_no_negative_progress() -> None:
    assert progress(TRIP, seen(0, -0.5), PACE).share == 0


def test_a_round_trip_is_where_it_should_be() -> None:
    there = Trip(
        reference="T2", started_at=after(0), source=Place(1, 1), destination=Place(1, 1)
    )
    assert progress(there, seen(0, 1, 1), PACE).share == 1


def test_a_trip_teaches_its_detour_and_its_pace_up_to_the_arrival() -> None:
    # North for half a degree, then across, and on after the arrival.
    way = [seen(0, 0), seen(3600, 0, 0.5), seen(7200, 1, 0.5), seen(10_000, 1)]
    taught = lesson(TRIP, [*way, seen(20_000, 3)])
    assert taught is not None
    assert taught.driven_m / taught.direct_m == pytest.approx(2, rel=1e-3)
    assert taught.duration_s == 10_000


def test_the_drift_of_a_parked_truck_is_no_driving() -> None:
    drift = [seen(second, 0.0001 * (second % 2)) for second in range(500)]
    taught = lesson(TRIP, [*drift, seen(9000, 1)])
    assert taught is not None
    assert taught.driven_m == pytest.approx(111_195, rel=1e-3)


@pytest.mark.parametrize(
    "way",
    [
        [],
        [seen(0, 0), seen(3600, 0.9)],
        [seen(0, 0.9), seen(3600, 1)],
        [seen(0, 0)],
    ],
)
def test_a_trip_that_did_not_arrive_or_was_not_followed_teaches_nothing(
    way: list[Seen],
) -> None:
    assert lesson(TRIP, way) is None


def test_a_step_that_nobody_can_drive_is_no_way_that_was_driven() -> None:
    way = [seen(600 * step, step / 20) for step in range(20)]
    jumped = [*way[:5], seen(2405, 9), seen(2410, 0.2), *way[5:], seen(12_000, 1)]
    honest = lesson(TRIP, [*way, seen(12_000, 1)])
    taught = lesson(TRIP, jumped)
    assert honest is not None and taught is not None
    assert taught.driven_m == pytest.approx(honest.driven_m)


def test_lessons_outweigh_what_was_assumed_as_they_grow() -> None:
    taught = Lesson(direct_m=100_000, driven_m=200_000, duration_s=20_000)
    assert learn([], PACE) == PACE
    once, often = learn([taught], PACE), learn([taught] * 99, PACE)
    assert once.detour_factor == pytest.approx(1.75)
    assert often.detour_factor == pytest.approx(1.995)
    assert often.speed == pytest.approx(10, rel=1e-3)


def test_progress_is_told_again_when_it_has_moved() -> None:
    interval = Interval(
        id=1,
        fact=uuid4(),
        vehicle_identifier="MH1",
        started_at=TRIP.started_at,
        ended_at=None,
        trip=TRIP,
        pace=PACE,
    )

    def now(seconds: float, longitude: float, told: Stored | None) -> Stored | None:
        return tell(interval, progress(TRIP, seen(seconds, longitude), PACE), told)

    first = now(0, 0, None)
    assert first is not None
    assert first.fact.data["eta"] == "2026-03-01T12:37:59+00:00"
    assert now(0, 0.5, first) is None
    assert now(60, 0.004, first) is None
    late = now(900, 0, first)
    assert late is not None
    assert (late.uuid, late.revision) == (first.uuid, 2)
    on_time = now(834, 0.051, first)
    assert on_time is not None
    assert on_time.fact.data["progress"] == 0.051
    over = end(first, after(99))
    assert (over.revision, over.fact.ended_at) == (2, after(99))


@pytest.fixture
async def evaluating(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service that evaluates facts at once, and one truck."""
    async with in_process(settings_for(migrated_url, facts=True)) as running:
        await running.state.registry.load()
        await running.provision("one", "MH1")
        yield running


def details(reference: str = "T1", minutes_ago: float = 100) -> dict[str, Any]:
    started = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {
        "reference": reference,
        "started_at": started.isoformat(),
        "source": {"latitude": 0, "longitude": 73},
        "destination": {"latitude": 0, "longitude": 74},
    }


async def put(
    service: Service, version: int, trip: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    response = await service.client.put(
        "/v1/vehicles/MH1/trip", json={"version": version, "trip": trip}, headers=ADMIN
    )
    return response.status_code, response.json()


async def show(service: Service) -> dict[str, Any]:
    response = await service.client.get("/v1/vehicles/MH1/trip", headers=ADMIN)
    assert response.status_code == 200
    shown: dict[str, Any] = response.json()
    return shown


async def drive(service: Service, *places: tuple[float, float]) -> None:
    """Fixes on the equator: minutes ago, and longitude."""
    rows = [
        row(60 * ago, device_id="one", latitude=0.001, longitude=longitude)
        for ago, longitude in places
    ]
    response = await service.post(rows, GATEWAY)
    assert response.json()["accepted"] == len(places)


async def visits(db: Connection) -> dict[str, bool]:
    """The geofences that were entered, and whether they were left."""
    records = await db.fetch(
        "SELECT subject, ended_at FROM fact WHERE kind = 'geofence' AND NOT retracted"
    )
    return {record["subject"]: record["ended_at"] is not None for record in records}


async def test_a_trip_is_set_shown_and_ended(evaluating: Service) -> None:
    trip = details()
    status, made = await put(evaluating, 1, trip)
    assert (status, made["progress"], made["detour_factor"]) == (201, None, 1.3)
    await drive(evaluating, (60, 73.0), (30, 73.5))
    now = (await show(evaluating))["progress"]
    assert now["progress"] == pytest.approx(0.5, abs=0.001)
    assert now["remaining_km"] == pytest.approx(55.6 * 1.3, abs=0.1)
    assert (await put(evaluating, 1, trip))[0] == 200
    status, refused = await put(evaluating, 1, None)
    assert (status, refused["error"]["code"]) == (409, "version_conflict")
    status, ended = await put(evaluating, 2, None)
    assert (status, ended["trip"], ended["progress"]) == (200, None, None)
    assert (await put(evaluating, 1, trip))[0] == 409


async def test_both_ends_of_a_trip_are_geofences_of_its_vehicle(
    evaluating: Service, db: Connection
) -> None:
    await put(evaluating, 1, details())
    await drive(evaluating, (90, 73.0), (85, 73.1), (30, 73.9), (20, 74.0))
    expected = {"trip/T1/source": True, "trip/T1/destination": False}

    async def told() -> bool:
        return await visits(db) == expected

    await eventually(told, "the truck has left the source and arrived")


async def test_a_trip_that_is_set_late_sees_what_was_before(
    evaluating: Service, db: Connection
) -> None:
    await drive(evaluating, (90, 73.0), (85, 73.1), (30, 73.9))

    async def seen_already() -> bool:
        return bool(await db.fetchval("SELECT seen_until FROM fact_state"))

    await eventually(seen_already, "the fixes were evaluated without the trip")
    await put(evaluating, 1, details())

    async def told() -> bool:
        return await visits(db) == {"trip/T1/source": True}

    await eventually(told, "the departure was found")


async def trip_facts(db: Connection) -> list[dict[str, Any]]:
    records = await db.fetch("SELECT * FROM fact WHERE kind = 'trip' ORDER BY id")
    return [dict(record) for record in records]


async def test_the_arrival_time_is_an_event_until_the_trip_ends(
    evaluating: Service, db: Connection
) -> None:
    await put(evaluating, 1, details())
    await drive(evaluating, (90, 73.0))

    async def revision(number: int) -> bool:
        return [fact["revision"] for fact in await trip_facts(db)] == [number]

    await eventually(lambda: revision(1), "the trip is told")
    await drive(evaluating, (40, 73.5))
    await eventually(lambda: revision(2), "its progress is told")
    await put(evaluating, 2, details("T2"))
    ended = (await trip_facts(db))[0]
    assert (ended["subject"], ended["revision"]) == ("T1", 3)
    assert ended["ended_at"] is not None
    assert isinstance(ended["uuid"], UUID)


async def lessons(db: Connection) -> list[float]:
    """The detours that trips have taught."""
    records = await db.fetch("SELECT driven_m / direct_m AS factor FROM trip_lesson")
    return [record["factor"] for record in records]


async def learned(db: Connection, factor: float) -> None:
    async def found() -> bool:
        return await lessons(db) == [pytest.approx(factor, abs=0.001)]

    await eventually(found, f"one trip has taught {factor}")


async def test_a_trip_that_arrived_teaches_the_next_one_of_its_lane(
    evaluating: Service, db: Connection
) -> None:
    await put(evaluating, 1, details(minutes_ago=200))
    await drive(evaluating, (200, 73.0), (150, 73.4), (120, 73.2), (60, 74.0))
    await put(evaluating, 2, None)
    await learned(db, 1.4)
    _, next_ = await put(evaluating, 3, details("T2", minutes_ago=0))
    assert next_["detour_factor"] == pytest.approx((1.3 + 1.4) / 2, abs=0.001)
    assert 40 < next_["speed_kmh"] < 70


async def test_a_backlog_after_the_trip_ended_tells_its_fact_and_its_lesson_again(
    evaluating: Service, db: Connection
) -> None:
    await put(evaluating, 1, details(minutes_ago=200))
    await drive(evaluating, (199, 73.0), (120, 73.2))

    async def told(progress: float) -> bool:
        facts = [json.loads(fact["data"]) for fact in await trip_facts(db)]
        return [data["progress"] for data in facts] == [progress]

    await eventually(lambda: told(0.2), "how far it has come is told")
    await put(evaluating, 2, None)
    await drive(evaluating, (150, 73.4), (60, 74.0))
    await eventually(lambda: told(0.999), "its arrival is told")
    await learned(db, 1.4)
    (fact,) = await trip_facts(db)
    assert fact["ended_at"] is not None
    assert fact["revision"] == 3

    # Another worker finds the visits.
    async def visited() -> bool:
        return await visits(db) == {
            "trip/T1/source": True,
            "trip/T1/destination": False,
        }

    await eventually(visited, "its ends are visited")


async def test_a_trip_whose_fixes_all_come_after_it_ended_is_told(
    evaluating: Service, db: Connection
) -> None:
    await put(evaluating, 1, details(minutes_ago=200))
    await put(evaluating, 2, None)
    await drive(evaluating, (200, 73.0), (150, 73.4), (120, 73.2), (60, 74.0))

    async def told() -> bool:
        facts = await trip_facts(db)
        return [(fact["subject"], fact["revision"]) for fact in facts] == [("T1", 1)]

    await eventually(told, "the trip is told")
    (fact,) = await trip_facts(db)
    assert fact["ended_at"] == await db.fetchval("SELECT ended_at FROM trip_interval")
    await learned(db, 1.4)


async def test_a_gap_of_days_is_no_end_of_the_way(
    evaluating: Service, db: Connection
) -> None:
    minutes = 4 * 24 * 60.0
    await put(evaluating, 1, details(minutes_ago=minutes))
    await put(evaluating, 2, None)
    await drive(evaluating, (minutes, 73.0), (minutes - 60, 73.4), (60, 74.0))
    await learned(db, 1.0)


async def test_a_trip_that_cannot_be_looked_at_keeps_no_other_waiting(
    evaluating: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Journey.take

    def fail(journey: Journey, way: list[Seen]) -> bool:
        if journey._trip.reference == "T1":
            raise ValueError("a mistake")
        return whole(journey, way)

    monkeypatch.setattr(Journey, "take", fail)
    for version, reference in ((1, "T1"), (2, "T2")):
        await put(evaluating, version, details(reference, minutes_ago=200))
    await drive(evaluating, (200, 73.0), (150, 73.4), (120, 73.2), (60, 74.0))
    await put(evaluating, 3, None)
    await learned(db, 1.4)

    # When and how often it is tried depends on how busy the machine is.
    async def failed() -> bool:
        return bool(await db.fetchval("SELECT max(failures) FROM trip_due"))

    await eventually(failed, "the other trip is tried")


async def test_setting_a_trip_waits_for_no_geofence_and_reloads_none(
    evaluating: Service, db: Connection
) -> None:
    before = await db.fetchval("SELECT count FROM geofence_changes")
    async with db.transaction():
        await db.execute("SELECT FROM geofence_changes FOR UPDATE")
        assert (await put(evaluating, 1, details()))[0] == 201
        assert (await put(evaluating, 2, None))[0] == 200
    assert await db.fetchval("SELECT count FROM geofence_changes") == before
    assert await db.fetchval("SELECT count(*) FROM geofence") == 0


async def test_a_trip_that_is_published_again_asks_for_nothing_to_be_evaluated(
    service: Service, db: Connection
) -> None:
    await service.provision("one", "MH1")
    await db.execute(
        "INSERT INTO fact_state (device, seen_until) SELECT id, now() FROM device"
    )
    trip = details()
    await put(service, 1, trip)
    await put(service, 2, trip)
    assert await db.fetchval("SELECT count(*) FROM fact_due") == 1


async def test_the_same_trip_may_go_to_another_place(
    evaluating: Service, db: Connection
) -> None:
    trip = details()
    await put(evaluating, 1, trip)
    await drive(evaluating, (90, 73.0), (60, 73.5))

    async def told(*subjects: str) -> bool:
        return sorted(await visits(db)) == [f"trip/T1/{name}" for name in subjects]

    await eventually(lambda: told("source"), "the departure is told")
    trip["destination"] = {"latitude": 0, "longitude": 73.5}
    assert (await put(evaluating, 2, trip))[0] == 200
    await eventually(lambda: told("destination", "source"), "the arrival is told")


async def test_a_vehicle_that_never_had_a_trip_is_404(service: Service) -> None:
    response = await service.client.get("/v1/vehicles/MH9/trip", headers=ADMIN)
    assert response.json()["error"]["code"] == "unknown_vehicle"
    assert response.status_code == 404


@pytest.mark.parametrize("time", ["2026-03-01T08:00:00", 1_795_428_000, "1795428000"])
async def test_a_time_without_a_zone_is_refused(
    service: Service, time: str | int
) -> None:
    trip = {**details(), "started_at": time}
    status, refused = await put(service, 1, trip)
    assert (status, refused["error"]["code"]) == (422, "invalid_request")
