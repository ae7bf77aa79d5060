"""Teltonika trackers over TCP and UDP: let in, and answered after commit."""

import asyncio
import socket

import pytest
from support.listening import (
    NONE,
    ONE,
    THREE,
    TWO,
    codes,
    ended,
    listening,
    stored,
    teltonika,
    without_commits,
    without_quarantine,
)
from support.service import ADMIN, Service, eventually, in_process, settings_for
from support.sockets import linked, logged_in, mailbox
from support.trackers import (
    IMEI,
    Record,
    datagram,
    frame,
    framed,
    login,
    recent,
    records,
)

from gps_ingestion_service.database import Connection


async def test_records_are_counted_once_they_are_committed(
    trackers: Service, db: Connection
) -> None:
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(recent(2), recent(1))) == TWO
        assert await stored(db) == 2
        assert await link.ask(frame(recent(0), codec=0x8E)) == ONE
    row = await db.fetchrow("SELECT * FROM fix ORDER BY fix_time LIMIT 1")
    assert row is not None
    assert row["speed"] == pytest.approx(15)
    assert row["vehicle_identifier"] == "MH12AB1234"
    await ended(trackers, "left")


async def test_a_frame_that_is_sent_again_is_stored_once_and_counted_again(
    trackers: Service, db: Connection
) -> None:
    data = frame(recent(1), recent(0))
    for _ in range(2):
        async with logged_in(teltonika(trackers)) as link:
            assert await link.ask(data) == TWO
    assert await stored(db) == 2


async def test_a_tracker_keeps_what_there_is_no_room_for(
    migrated_url: str, db: Connection
) -> None:
    ahead = [frame(recent(-3600 * n), recent(60 * n)) for n in range(1, 12)]
    async with (
        listening(migrated_url, quarantine_device_bytes=4096) as service,
        logged_in(teltonika(service)) as link,
    ):
        answers = [await link.ask(data) for data in ahead]
        taken = answers.count(TWO)
        assert answers == [TWO] * taken + [NONE] * (11 - taken)
        assert await codes(db) == ["fix_time_in_future"] * taken
        # The good record beside a bad one is stored all the same.
        assert await stored(db) == 11
        assert await link.ask(ahead[0]) == TWO
        await db.execute("DELETE FROM quarantine")
        assert await link.ask(ahead[-1]) == TWO


async def test_frames_may_come_in_pieces_and_several_at_once(
    trackers: Service, db: Connection
) -> None:
    data = login() + frame(recent(2)) + b"\xff" + frame(recent(1), recent(0))
    async with linked(teltonika(trackers)) as link:
        for start in range(0, len(data), 7):
            await link.send(data[start : start + 7])
        assert await link.receive(9) == b"\x01" + ONE + TWO
    assert await stored(db) == 3


async def test_a_tracker_that_is_not_provisioned_is_told_so_and_remembered(
    trackers: Service, db: Connection
) -> None:
    async with linked(teltonika(trackers)) as link:
        assert await link.ask(login("999999999999999"), 1) == b"\x00"
        assert await link.is_closed()
    kept = await db.fetchrow("SELECT device_id, code, allowance FROM quarantine")
    assert kept is not None
    assert tuple(kept) == ("999999999999999", "unknown_device", "@anonymous")


async def test_a_disabled_tracker_is_not_let_in_and_one_that_is_in_is_put_out(
    trackers: Service,
) -> None:
    async def put(version: int, enabled: bool) -> None:
        body = {"vehicle_identifier": "MH12AB1234", "enabled": enabled}
        await trackers.client.put(
            f"/v1/devices/{IMEI}", json={**body, "version": version}, headers=ADMIN
        )

    async with logged_in(teltonika(trackers)) as link:
        await put(2, False)
        assert await link.ask(frame(recent(0))) == b""
    await ended(trackers, "device_disabled")
    async with linked(teltonika(trackers)) as link:
        assert await link.ask(login(), 1) == b"\x00"


@pytest.mark.parametrize(
    "data",
    [frame(recent(0)), b"\xff", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x0f" + b"x" * 15],
    ids=["a frame", "a byte", "HTTP", "letters"],
)
async def test_nobody_speaks_before_logging_in(
    trackers: Service, db: Connection, data: bytes
) -> None:
    async with linked(teltonika(trackers)) as link:
        assert await link.ask(data) == b""
    assert await stored(db) == 0


async def test_a_damaged_frame_is_answered_with_zero_and_kept(
    trackers: Service, db: Connection
) -> None:
    body = records(0x08, [recent(0)])
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(framed(body, checksum=1)) == NONE
        assert await link.ask(framed(body)) == ONE
    assert await codes(db) == ["wrong_checksum"]
    assert await db.fetchval("SELECT allowance FROM quarantine") == IMEI


async def test_a_stream_that_is_no_longer_one_of_frames_is_ended_and_kept(
    trackers: Service, db: Connection
) -> None:
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(b"\x00\x00\x00\x07garbage") == b""
    assert await codes(db) == ["invalid_frame"]
    await ended(trackers, "invalid_frame")


async def test_a_record_that_is_rejected_is_kept_and_does_not_block_the_tracker(
    trackers: Service, db: Connection
) -> None:
    items = [recent(1), recent(-7200), recent(0)]
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(*items)) == THREE
    assert await stored(db) == 2
    assert await codes(db) == ["fix_time_in_future"]


async def test_without_a_database_zero_records_are_counted(
    trackers: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logged_in(teltonika(trackers)) as link:
        without_commits(trackers, monkeypatch)
        assert await link.ask(frame(recent(0))) == NONE
        # The connection stays: the tracker tries again.
        assert await link.ask(frame(recent(0))) == NONE
    assert 'outcome="unavailable",protocol="teltonika",transport="tcp"} 2.0' in (
        await trackers.metrics()
    )


async def test_a_rejected_record_does_not_count_where_it_cannot_be_kept(
    trackers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_quarantine(trackers, monkeypatch)
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(recent(-7200))) == NONE
        assert await link.ask(framed(b"\x08", checksum=1)) == NONE


async def test_trackers_share_their_commits(trackers: Service) -> None:
    imeis = [f"35630704244{number:04d}" for number in range(20)]
    for imei in imeis:
        await trackers.provision(imei, f"KA{imei[-4:]}")
    before = commits(trackers)

    async def drive(imei: str) -> None:
        async with logged_in(teltonika(trackers), imei) as link:
            for age in range(5):
                assert await link.ask(frame(recent(age))) == ONE

    await asyncio.gather(*(drive(imei) for imei in imeis))
    assert commits(trackers) - before < 100


def commits(service: Service) -> float:
    labels = {"outcome": "committed"}
    registry = service.state.metrics.registry
    return registry.get_sample_value("gps_commit_seconds_count", labels) or 0


async def test_a_tracker_that_leaves_in_the_middle_of_a_frame_loses_it_only(
    trackers: Service, db: Connection
) -> None:
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(recent(1))) == ONE
        await link.send(frame(recent(0))[:-3])
    await ended(trackers, "truncated")
    assert await stored(db) == 1


async def test_until_the_devices_are_known_nobody_is_let_in_or_turned_away(
    trackers: Service, db: Connection
) -> None:
    trackers.state.registry.loaded = False
    async with linked(teltonika(trackers)) as link:
        assert await link.ask(login(), 1) == b""
    await ended(trackers, "not_ready")
    async with mailbox(teltonika(trackers)) as box:
        box.send(datagram(Record(1)))
    assert await codes(db) == []


async def test_a_port_that_is_taken_stops_the_start_and_is_named(
    migrated_url: str, db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError):
            async with in_process(settings_for(migrated_url, teltonika_port=port)):
                raise AssertionError("it started")


async def test_datagrams_are_answered_with_the_number_that_is_stored(
    trackers: Service, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = datagram(recent(1), recent(0))
    async with mailbox(teltonika(trackers)) as box:
        for _ in range(2):
            assert await box.ask(data) == bytes.fromhex("0005CAFE010502")
        assert await stored(db) == 2
        without_commits(trackers, monkeypatch)
        assert await box.ask(data) == bytes.fromhex("0005CAFE010500")


async def test_datagrams_of_nobody_and_broken_ones_are_kept_and_not_answered(
    trackers: Service, db: Connection
) -> None:
    command = b"\x0c\x01\x06\x00\x00\x00\x00\x01"
    head = b"\x00\x01\x01\x07" + login()
    async with mailbox(teltonika(trackers)) as box:
        box.send(b"junk")
        box.send(datagram(recent(0), imei="999999999999999"))
        answer = await box.ask((len(head) + len(command)).to_bytes(2) + head + command)
        assert answer == bytes.fromhex("00050001010700")

        async def both() -> bool:
            return sorted(await codes(db)) == ["unknown_device", "wrong_length"]

        await eventually(both, "both are in quarantine")
    assert await stored(db) == 0


async def test_a_datagram_of_a_new_tracker_is_replayed_once_it_is_provisioned(
    trackers: Service, db: Connection
) -> None:
    imei = "356307042440000"
    async with mailbox(teltonika(trackers)) as box:
        box.send(datagram(recent(0), imei=imei))

        async def kept() -> bool:
            return bool(await codes(db))

        await eventually(kept, "the datagram is in quarantine")
    await trackers.provision(imei, "MH2")
    replay = await trackers.client.post(
        "/v1/quarantine/replay", params={"device_id": imei}, headers=ADMIN
    )
    assert replay.json()["released"] == 1
    assert await stored(db) == 1
