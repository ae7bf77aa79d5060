"""What a tracker port bears: many, slow and repeated connections, and a stop."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from support.listening import (
    NONE,
    ONE,
    codes,
    concox,
    ended,
    has_ended,
    intake_of,
    listening,
    stored,
    teltonika,
)
from support.service import Service, eventually
from support.sockets import linked, logged_in, mailbox
from support.trackers import (
    IMEI,
    datagram,
    frame,
    framed,
    gt06,
    gt06_login,
    gt06_position,
    login,
    recent,
    records,
)

from gps_ingestion_service.database import Connection
from gps_ingestion_service.formats import TRACKER_FORMATS
from gps_ingestion_service.trackers.connection import Patience
from gps_ingestion_service.trackers.datagram import DatagramListener
from gps_ingestion_service.trackers.stream import StreamListener


async def test_a_tracker_that_comes_back_replaces_its_old_connection(
    trackers: Service,
) -> None:
    async with logged_in(teltonika(trackers)) as old:
        async with logged_in(teltonika(trackers)) as new:
            assert await old.is_closed()
            assert await new.ask(frame(recent(0))) == ONE
    await ended(trackers, "replaced")


async def test_connections_are_limited_in_all_and_per_address(
    migrated_url: str, db: Connection
) -> None:
    async with listening(
        migrated_url, tracker_max_connections=5, tracker_max_per_address=2
    ) as service:
        async with logged_in(teltonika(service)), linked(teltonika(service)) as silent:
            async with linked(teltonika(service)) as third:
                assert await third.is_closed()
            await ended(service, "too_many_without_login")
            assert await silent.ask(login("999999999999999"), 1) == b"\x00"
            assert await silent.is_closed()
            await service.provision("356307042440000", "MH2")
            async with logged_in(teltonika(service), "356307042440000"):
                async with linked(teltonika(service)) as third:
                    assert await third.is_closed()
                await ended(service, "too_many_of_address")
            page = await service.metrics()
            assert 'gps_tracker_connections{protocol="teltonika"}' in page


async def test_no_more_than_all_connections_are_taken(
    migrated_url: str, db: Connection
) -> None:
    async with listening(migrated_url, tracker_max_connections=1) as service:
        async with logged_in(teltonika(service)):
            async with linked(teltonika(service)) as second:
                assert await second.is_closed()
    await ended(service, "too_many")


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("tracker_login_timeout_s", "login_timeout"),
        ("tracker_idle_timeout_s", "idle"),
        ("tracker_frame_timeout_s", "too_slow"),
    ],
)
async def test_a_connection_that_is_too_slow_is_ended(
    migrated_url: str, db: Connection, limit: str, reason: str
) -> None:
    async with listening(migrated_url, **{limit: 0.1}) as service:
        async with linked(teltonika(service)) as link:
            if reason != "login_timeout":
                assert await link.ask(login(), 1) == b"\x01"
            if reason == "too_slow":
                await link.send(bytes(4))
            assert await link.is_closed()
        await ended(service, reason)


async def test_a_byte_now_and_then_does_not_keep_a_frame_open(
    migrated_url: str, db: Connection
) -> None:
    async with listening(migrated_url, tracker_frame_timeout_s=0.3) as service:
        async with logged_in(teltonika(service)) as link:
            await link.send(bytes(4) + (60_000).to_bytes(4))

            async def hung_up_on() -> bool:
                try:
                    await link.send(b"\x08")
                except ConnectionError:
                    return True
                return has_ended(service, "too_slow")

            await eventually(hung_up_on, "the service hangs up")
        await ended(service, "too_slow")


async def test_a_frame_that_never_ends_is_kept_with_the_reason(
    migrated_url: str, db: Connection
) -> None:
    half = frame(recent(0))[:20]
    async with listening(migrated_url, tracker_frame_timeout_s=0.2) as service:
        async with logged_in(teltonika(service)) as slow:
            await slow.send(half)
            assert await slow.is_closed()
        async with logged_in(teltonika(service)) as gone:
            await gone.send(half + b"x")
        await ended(service, "truncated")
    assert await codes(db) == ["too_slow", "truncated"]
    kept = await db.fetch(
        "SELECT device_id, reason, payload FROM quarantine ORDER BY id"
    )
    assert [record["device_id"] for record in kept] == [IMEI, IMEI]
    assert [record["payload"] for record in kept] == [half, half + b"x"]
    assert kept[0]["reason"] == "the frame took too long, after 20 bytes"


async def test_a_login_that_never_ends_is_kept_with_the_reason(
    migrated_url: str, db: Connection
) -> None:
    async with listening(migrated_url, tracker_login_timeout_s=0.2) as service:
        async with linked(teltonika(service)) as link:
            await link.send(login()[:5])
            assert await link.is_closed()
    assert await codes(db) == ["too_slow"]


async def test_a_tracker_that_sends_too_fast_keeps_its_data(
    migrated_url: str, db: Connection
) -> None:
    slow = {"device_requests_per_s": 0.001, "device_request_burst": 2}
    async with listening(migrated_url, **slow) as service:
        await service.provision("356307042440000", "MH2")
        async with logged_in(teltonika(service)) as link:
            assert await link.ask(frame(recent(9))) == ONE
            # What cannot be taken costs a write too.
            assert await link.ask(framed(records(0x08, [recent(8)]), 1)) == NONE
            assert await link.ask(frame(recent(7))) == NONE
            assert await link.ask(framed(records(0x08, [recent(6)]), 1)) == NONE
        async with mailbox(teltonika(service)) as box:
            assert (await box.ask(datagram(recent(5))))[-1:] == b"\x00"
        async with linked(concox(service)) as link:
            assert await link.ask(gt06_login("356307042440000"), 10)
            for age in (4, 3):
                packet = gt06(0x12, gt06_position(recent_time(age)), age)
                assert await link.ask(packet, 10)
            packet = gt06(0x12, gt06_position(recent_time(2)), 2)
            assert await link.ask(packet, 10) == b""
        page = await service.metrics()
        assert (
            'gps_tracker_frames_total{outcome="too_fast",protocol="teltonika",'
            'transport="tcp"} 2.0'
        ) in page
    assert await stored(db) == 3
    assert await codes(db) == ["wrong_checksum"]


def recent_time(seconds_ago: int) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds_ago)


async def test_frames_that_wait_hold_no_more_memory_than_all_may(
    migrated_url: str, db: Connection
) -> None:
    limits = {"max_held_bytes": 65_536, "max_body_bytes": 1024}
    async with listening(migrated_url, **limits) as service:
        await service.provision("356307042440000", "MH2")

        def held() -> float:
            registry = service.state.metrics.registry
            return registry.get_sample_value("gps_held_bytes") or 0.0

        async with (
            logged_in(teltonika(service)) as first,
            logged_in(teltonika(service), "356307042440000") as second,
        ):
            await first.send(bytes(4) + (60_000).to_bytes(4) + bytes(50_000))

            async def first_is_held() -> bool:
                return held() == 50_008

            await eventually(first_is_held, "the open frame is held")
            assert await second.ask(frame(recent(0))) == ONE
            await second.send(bytes(4) + (60_000).to_bytes(4) + bytes(20_000))
            assert await second.is_closed()
            async with mailbox(teltonika(service)) as box:
                box.send(bytes(20_000))

                async def dropped() -> bool:
                    return 'outcome="dropped"' in await service.metrics()

                await eventually(dropped, "the datagram is dropped")
        await ended(service, "too_many_bytes")

        async def all_given_back() -> bool:
            return held() == 0

        await eventually(all_given_back, "what was held is given back")


async def test_a_stop_answers_the_frame_in_hand_and_ends_the_idle(
    trackers: Service, db: Connection
) -> None:
    await trackers.provision("356307042440000", "MH2")
    blocker = await _locked(db)
    async with (
        logged_in(teltonika(trackers)) as busy,
        logged_in(teltonika(trackers), "356307042440000") as idle,
        mailbox(teltonika(trackers)) as box,
    ):
        await busy.send(frame(recent(0)))
        udp = asyncio.create_task(box.ask(datagram(recent(9))))
        await eventually(lambda: _waiting(db), "the rows wait for the lock")
        stopping = asyncio.create_task(trackers.state.listeners.stop(60))
        assert await idle.is_closed()
        await blocker.execute("ROLLBACK")
        await blocker.close()
        assert await busy.receive(4) == ONE
        assert await busy.is_closed()
        assert (await udp)[-1:] == b"\x01"
        await stopping
    assert await stored(db) == 2


async def _locked(db: Connection) -> Connection:
    """A connection that keeps every other one from writing fixes."""
    address = await db.fetchrow(
        "SELECT inet_server_port() AS port, current_database() AS name"
    )
    assert address is not None
    blocker: Connection = await asyncpg.connect(
        f"postgresql://gps@127.0.0.1:{address['port']}/{address['name']}"
    )
    await blocker.execute("BEGIN; LOCK TABLE fix IN SHARE MODE")
    return blocker


async def _waiting(db: Connection) -> bool:
    return bool(
        await db.fetchval(
            "SELECT true FROM pg_locks "
            "WHERE relation = 'fix'::regclass AND NOT granted"
        )
    )


async def test_a_tracker_that_does_not_take_its_answers_is_hung_up_on(
    trackers: Service,
) -> None:
    beats = gt06(0x13, bytes.fromhex("4B04030001")) * 2000
    patience = Patience(login_s=60, idle_s=60, frame_s=0.2)
    listener = StreamListener(
        TRACKER_FORMATS["gt06"],
        intake_of(trackers),
        trackers.state.metrics,
        patience,
        max_connections=5,
        max_per_address=0,
    )
    async with linked(await listener.start("127.0.0.1", 0)) as link:
        await link.send(gt06_login())

        async def hung_up_on() -> bool:
            try:
                await link.send(beats)
            except ConnectionError:
                return True
            return has_ended(trackers, "does_not_read", "gt06")

        await eventually(hung_up_on, "the service hangs up")
    await ended(trackers, "does_not_read", "gt06")
    await listener.stop(60)


async def test_datagrams_beyond_what_is_in_hand_are_dropped_for_the_tracker_to_repeat(
    trackers: Service,
) -> None:
    listener = DatagramListener(
        TRACKER_FORMATS["teltonika"], intake_of(trackers), max_in_hand=0
    )
    async with mailbox(await listener.start("127.0.0.1", 0)) as box:
        box.send(datagram(recent(0)))

        async def dropped() -> bool:
            return 'outcome="dropped"' in await trackers.metrics()

        await eventually(dropped, "the datagram is dropped")
    await listener.stop(60)


async def test_a_mistake_of_the_service_ends_one_connection_and_is_logged(
    trackers: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(trackers.state.ingestion, "ingest", fail)
    async with logged_in(teltonika(trackers)) as link:
        assert await link.ask(frame(recent(0))) == b""
    await ended(trackers, "error")
