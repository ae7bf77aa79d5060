"""GT06 trackers over TCP: answered after commit, hung up on where that fails."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.listening import (
    codes,
    concox,
    ended,
    listening,
    stored,
    without_commits,
    without_quarantine,
)
from support.service import ADMIN, Service
from support.sockets import Link, linked
from support.trackers import GT06_CELL, IMEI, gt06, gt06_login, gt06_position

from gps_ingestion_service.database import Connection
from gps_ingestion_service.errors import StorageUnavailable
from gps_ingestion_service.positions import repository


def moment() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@asynccontextmanager
async def gt06_in(service: Service, extra: bytes = b"") -> AsyncIterator[Link]:
    async with linked(concox(service)) as link:
        answer = await link.ask(gt06_login(extra=extra), 10)
        assert answer == gt06(0x01, b"", serial=1)
        yield link


async def test_gt06_positions_heartbeats_and_alarms_are_answered(
    trackers: Service, db: Connection
) -> None:
    now = moment()
    async with gt06_in(trackers) as link:
        for serial, kind in ((2, 0x12), (3, 0x16), (4, 0x22)):
            time = now - timedelta(seconds=serial)
            packet = gt06(kind, gt06_position(time), serial)
            assert await link.ask(packet, 10) == gt06(kind, b"", serial)
        beat = gt06(0x13, bytes.fromhex("4B04030001"), serial=5)
        assert await link.ask(beat, 10) == gt06(0x13, b"", serial=5)
        again = await link.ask(gt06_login(serial=6), 10)
        assert again == gt06(0x01, b"", serial=6)
    assert await stored(db) == 3


async def attributes(db: Connection) -> list[dict[str, Any]]:
    """What is kept with each fix, in order of time."""
    records = await db.fetch("SELECT attributes FROM fix ORDER BY fix_time")
    return [json.loads(record["attributes"]) for record in records]


async def test_a_position_gets_the_ignition_that_only_heartbeats_tell(
    trackers: Service, db: Connection
) -> None:
    now = moment()
    async with gt06_in(trackers) as link:
        for serial, state in enumerate((None, 0x02, None, 0x00)):
            if state is not None:
                beat = gt06(0x13, bytes([state, 4, 3, 0, 2]), serial)
                assert await link.ask(beat, 10) == gt06(0x13, b"", serial)
            time = now + timedelta(seconds=serial)
            await link.ask(gt06(0x12, gt06_position(time)), 10)
        own = gt06_position(now + timedelta(seconds=9)) + GT06_CELL + b"\x01\x00\x00"
        await link.ask(gt06(0x22, own), 10)
    kept = await attributes(db)
    assert [item.get("ignition") for item in kept] == [None, True, True, False, True]
    assert kept[1]["voltage_level"] == 4


async def test_a_heartbeat_says_nothing_of_what_a_tracker_had_in_its_memory(
    trackers: Service, db: Connection
) -> None:
    await trackers.client.put(
        f"/v1/devices/{IMEI}/clock", json={"utc_offset_minutes": 480}, headers=ADMIN
    )
    local = moment() + timedelta(hours=8)
    async with gt06_in(trackers) as link:
        await link.ask(gt06(0x13, bytes.fromhex("0204030002")), 10)
        for minutes in (60, 0):
            time = local - timedelta(minutes=minutes)
            await link.ask(gt06(0x12, gt06_position(time)), 10)
    kept = await attributes(db)
    assert [item.get("ignition") for item in kept] == [None, True]


async def test_an_alarm_of_a_heartbeat_goes_with_the_next_position_only(
    trackers: Service, db: Connection
) -> None:
    now = moment()
    async with gt06_in(trackers) as link:
        await link.ask(gt06(0x13, bytes.fromhex("2204030002")), 10)
        for seconds in (0, 1):
            time = now + timedelta(seconds=seconds)
            await link.ask(gt06(0x12, gt06_position(time)), 10)
    assert [item.get("alarm") for item in await attributes(db)] == ["sos", None]


SOS = gt06(0x19, GT06_CELL + bytes.fromhex("0204030102"), serial=3)


async def test_an_alarm_under_a_roof_is_kept_at_the_last_place_known(
    trackers: Service, db: Connection
) -> None:
    async with gt06_in(trackers) as link:
        assert await link.ask(SOS, 10) == gt06(0x19, b"", serial=3)
        await link.ask(gt06(0x12, gt06_position(moment())), 10)
        assert await link.ask(SOS, 10) == gt06(0x19, b"", serial=3)
    fixes = await db.fetch("SELECT * FROM fix ORDER BY received_at")
    places = [(item["latitude"], item["longitude"]) for item in fixes]
    assert places[0] == (0, 0)
    assert places[2] == places[1]
    alarms = [item for item in await attributes(db) if item.get("alarm") == "sos"]
    assert [item["valid"] for item in alarms] == [False, False]
    # It says when, but nobody has seen where: the last position stays what it is.
    last = await db.fetchval("SELECT fix_time FROM last_position")
    assert last == fixes[1]["fix_time"]


async def test_an_alarm_is_not_answered_before_it_is_stored(
    trackers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gt06_in(trackers) as link:
        without_commits(trackers, monkeypatch)
        assert await link.ask(SOS, 10) == b""
    async with gt06_in(trackers) as link:
        monkeypatch.setattr(repository, "last_place", _away)
        assert await link.ask(SOS, 10) == b""


async def _away(*_: object) -> None:
    raise StorageUnavailable()


def alarm(time: datetime, code: int) -> bytes:
    state = bytes([0x46, 4, 4, code, 2])
    return gt06(0x16, gt06_position(time) + b"\x09" + GT06_CELL + state)


async def test_an_alarm_in_the_second_of_another_packet_is_not_lost(
    trackers: Service, db: Connection
) -> None:
    time = moment()
    async with gt06_in(trackers) as link:
        for packet in (
            gt06(0x12, gt06_position(time)),
            alarm(time, 0x01),
            alarm(time, 0x02),
            alarm(time, 0x01),
        ):
            assert len(await link.ask(packet, 10)) == 10
    assert await stored(db) == 1
    for table in ("fix", "last_position"):
        kept = await db.fetchval(f"SELECT attributes ->> 'alarm' FROM {table}")
        assert kept == "sos,power_cut"


async def test_the_clock_of_the_operator_comes_before_that_of_the_login(
    trackers: Service, db: Connection
) -> None:
    time = moment()
    zone = bytes.fromhex("36083200")
    async with gt06_in(trackers, zone) as link:
        await link.ask(gt06(0x12, gt06_position(time + timedelta(hours=8))), 10)
        kept = await db.fetchrow("SELECT fix_time, sent_time FROM fix")
        assert tuple(kept or ()) == (time, time + timedelta(hours=8))
        await trackers.client.put(
            f"/v1/devices/{IMEI}/clock",
            json={"utc_offset_minutes": 330},
            headers=ADMIN,
        )
        local = time - timedelta(seconds=5) + timedelta(minutes=330)
        await link.ask(gt06(0x12, gt06_position(local)), 10)
    assert await db.fetchval("SELECT min(fix_time) FROM fix") == time - timedelta(
        seconds=5
    )


async def test_a_refused_packet_remembers_the_zone_of_its_login(
    trackers: Service, db: Connection
) -> None:
    ahead = moment() + timedelta(minutes=10)
    packet = gt06(0x12, gt06_position(ahead + timedelta(hours=8)))
    async with gt06_in(trackers, bytes.fromhex("36083200")) as link:
        assert len(await link.ask(packet, 10)) == 10
    assert await codes(db) == ["fix_time_in_future"]
    key = await db.fetchval("SELECT id FROM quarantine")

    async def shown() -> str:
        path = f"/v1/quarantine/{key}"
        answer = (await trackers.client.get(path, headers=ADMIN)).json()
        return str(answer["fixes"][0]["timestamp"])

    assert await shown() == f"{ahead:%Y-%m-%dT%H:%M:%SZ}"
    await trackers.client.put(
        f"/v1/devices/{IMEI}/clock", json={"utc_offset_minutes": 420}, headers=ADMIN
    )
    assert await shown() == f"{ahead + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


async def test_gt06_is_hung_up_on_where_it_cannot_be_told_that_storing_failed(
    trackers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gt06_in(trackers) as link:
        without_commits(trackers, monkeypatch)
        assert await link.ask(gt06(0x12, gt06_position(moment())), 10) == b""
    await ended(trackers, "unavailable", "gt06")


async def test_gt06_is_hung_up_on_where_a_refused_packet_has_no_room(
    migrated_url: str, db: Connection
) -> None:
    async with (
        listening(migrated_url, quarantine_device_bytes=4096) as service,
        gt06_in(service) as link,
    ):
        answers = []
        for hours in range(1, 12):
            ahead = gt06(0x12, gt06_position(moment() + timedelta(hours=hours)))
            answers.append(await link.ask(ahead, 10))
            if not answers[-1]:
                break
        assert answers[-1] == b""
        assert len(await codes(db)) == len(answers) - 1
        await ended(service, "unavailable", "gt06")


async def test_gt06_is_not_let_in_while_the_database_is_away(
    trackers: Service,
) -> None:
    await trackers.state.database.close()
    await trackers.state.database.open()
    await trackers.state.database.pool.close()
    async with linked(concox(trackers)) as link:
        assert await link.ask(gt06_login(), 10) == b""
    await ended(trackers, "unavailable", "gt06")
    await trackers.state.database.open()


async def test_a_gt06_packet_of_an_unknown_type_is_answered_once_it_is_kept(
    trackers: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gt06_in(trackers) as link:
        packet = gt06(0x77, b"news", serial=9)
        assert await link.ask(packet, 10) == gt06(0x77, b"", serial=9)
        assert await codes(db) == ["unknown_type"]

        without_quarantine(trackers, monkeypatch)
        assert await link.ask(packet, 10) == b""


async def test_a_connection_speaks_for_one_tracker(trackers: Service) -> None:
    async with gt06_in(trackers) as link:
        assert await link.ask(gt06_login("999999999999999"), 10) == b""
    await ended(trackers, "other_login", "gt06")
