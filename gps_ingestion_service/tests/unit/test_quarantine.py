"""What cannot be taken is kept raw, within bounds, and taken later."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from support.postgres import free_port
from support.service import (
    ADMIN,
    GATEWAY,
    Service,
    in_process,
    over_http,
    row,
    settings_for,
)
from support.trackers import frame, gt06, gt06_position, login, recent

from gps_ingestion_service.cli import main
from gps_ingestion_service.database import Connection, Database
from gps_ingestion_service.devices.registry import DeviceRegistry
from gps_ingestion_service.errors import QuarantineFull, StorageUnavailable
from gps_ingestion_service.formats import HTTP_FORMATS, Message
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.positions.intake import Received, without_token
from gps_ingestion_service.quarantine.repository import Refused
from gps_ingestion_service.quarantine.service import (
    ANONYMOUS,
    Bounds,
    Quarantine,
)
from gps_ingestion_service.rate_limit import RateLimit

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


async def call(
    service: Service, method: str, path: str = "", **params: Any
) -> httpx.Response:
    return await service.client.request(
        method, f"/v1/quarantine{path}", params=params, headers=ADMIN
    )


async def kept(service: Service, **params: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (await call(service, "GET", **params)).json()[
        "messages"
    ]
    return messages


def refused(body: bytes, **values: Any) -> Refused:
    """A message that could not be taken."""
    item: dict[str, Any] = {
        "allowance": "one",
        "protocol": "teltonika",
        "transport": "tcp",
        "code": "wrong_checksum",
        "reason": "damaged",
        "device_id": "one",
        "received_at": datetime.now(UTC),
        **values,
    }
    return Refused(message=Message(body=body), **item)


async def hold(service: Service, body: bytes, **values: Any) -> int:
    """Put a message into quarantine and return its id."""
    await service.state.quarantine.keep([refused(body, **values)])
    return int((await kept(service))[-1]["id"])


async def test_a_row_of_an_unknown_device_is_taken_once_it_is_provisioned(
    service: Service, db: Connection
) -> None:
    await service.provision("known")
    rows = [row(1, device_id="known"), row(2, device_id="new", latitude=7)]
    assert (await service.post(rows, GATEWAY)).json()["rejected"] == 1
    (message,) = await kept(service, device_id="new")
    assert (message["code"], message["protocol"]) == ("unknown_device", "native")
    assert message["authenticated"] is True
    path = f"/{message['id']}/replay"
    early = (await call(service, "POST", path)).json()
    assert (early["released"], early["code"]) == (False, "unknown_device")
    await service.provision("new", "MH99")
    answer = (await call(service, "POST", path)).json()
    assert answer["released"] is True
    assert answer["results"][0]["status"] == "accepted"
    assert await kept(service) == []
    assert await db.fetchval("SELECT count(*) FROM fix WHERE latitude = 7") == 1


async def test_a_phone_that_is_not_provisioned_yet_loses_nothing(
    service: Service, db: Connection
) -> None:
    query = {"id": "phone", "token": "secret", "lat": "7", "lon": "8"}
    response = await service.client.get("/v1/osmand", params=query)
    assert response.status_code == 400
    (message,) = await kept(service)
    assert (message["device_id"], message["authenticated"]) == ("phone", False)
    shown = (await call(service, "GET", f"/{message['id']}")).json()
    assert shown["query"] == "id=phone&lat=7&lon=8"
    assert shown["fixes"][0]["latitude"] == 7
    await service.provision("phone")
    answer = await call(service, "POST", "/replay", device_id="phone")
    assert answer.json()["released"] == 1
    # Without a time of its own the fix is of when it came, not of the replay.
    assert await db.fetchval("SELECT fix_time FROM fix") == datetime.fromisoformat(
        message["first_seen"]
    )


async def test_a_fix_from_the_future_is_kept_until_its_time_has_come(
    service: Service,
) -> None:
    token = await service.provision("one")
    await service.post([row(-3600)], token)
    (message,) = await kept(service)
    assert message["code"] == "fix_time_in_future"
    assert (message["device_id"], message["times"]) == ("one", 1)


async def test_a_message_that_comes_again_is_counted_and_not_kept_twice(
    service: Service,
) -> None:
    token = await service.provision("one")
    bad = row(latitude=99)
    for _ in range(3):
        await service.post([bad], token)
    (message,) = await kept(service)
    assert message["times"] == 3
    assert 'gps_quarantined_total{code="out_of_range",protocol="native"} 3.0' in (
        await service.metrics()
    )


async def test_metrics_tell_how_much_is_kept(service: Service) -> None:
    token = await service.provision("one")
    await service.post([row(latitude=99)], token)
    assert "gps_quarantine_messages 1.0" in await service.metrics()


async def test_a_message_that_cannot_be_read_is_kept_for_its_sender(
    service: Service,
) -> None:
    token = await service.provision("one")
    response = await service.client.post(
        "/v1/positions", content=b'[{"latitude": 1', headers=token
    )
    assert response.status_code == 400
    await service.client.post("/v1/positions", content=b"{", headers=GATEWAY)
    messages = await kept(service)
    assert [item["code"] for item in messages] == ["invalid_json"] * 2
    shown = (await call(service, "GET", f"/{messages[0]['id']}")).json()
    assert shown["text"] == '[{"latitude": 1'
    assert shown["refusals"][0].startswith("invalid_json")
    answer = (await call(service, "POST", f"/{messages[0]['id']}/replay")).json()
    assert (answer["released"], answer["code"]) == (False, "invalid_json")


async def test_what_is_empty_too_large_or_for_another_device_is_not_kept(
    service: Service,
) -> None:
    token = await service.provision("one")
    await service.provision("two")
    await service.client.get("/")
    await service.post([row(device_id="two")], token)
    many = [row(age) for age in range(service.state.settings.max_rows + 1)]
    assert (await service.post(many, token)).status_code == 413
    assert await kept(service) == []


async def test_owntracks_may_forget_what_is_kept_here(service: Service) -> None:
    token = await service.provision("jane:phone")
    message = {"_type": "location", "lat": 99, "lon": 1, "tst": int(time.time())}
    response = await service.client.post(
        "/v1/owntracks?u=jane&d=phone", json=message, headers=token
    )
    assert (response.status_code, response.content) == (200, b"[]")
    assert [item["code"] for item in await kept(service)] == ["out_of_range"]


async def test_a_frame_is_shown_and_replayed_as_its_tracker_sent_it(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    key = await hold(service, frame(recent(5), recent(0)))
    shown = (await call(service, "GET", f"/{key}")).json()
    assert shown["text"] is None
    assert [fix["device_id"] for fix in shown["fixes"]] == ["one", "one"]
    assert shown["hex"].startswith("00000000")
    assert (await call(service, "POST", f"/{key}/replay")).json()["released"] is True
    assert await db.fetchval("SELECT count(*) FROM fix") == 2


async def test_a_frame_is_replayed_with_the_zone_that_its_device_has_now(
    service: Service, db: Connection
) -> None:
    await service.provision("one")
    local = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=8)
    packet = gt06(0x12, gt06_position(local))
    key = await hold(service, packet, protocol="gt06", code="fix_time_in_future")
    await service.client.put(
        "/v1/devices/one/clock", json={"utc_offset_minutes": 480}, headers=ADMIN
    )
    assert (await call(service, "POST", f"/{key}/replay")).json()["released"] is True
    assert await db.fetchval("SELECT fix_time FROM fix") == local - timedelta(hours=8)


async def test_a_refused_login_is_done_with_once_its_device_exists(
    service: Service,
) -> None:
    key = await hold(service, login(), code="unknown_device")
    answer = (await call(service, "POST", f"/{key}/replay")).json()
    assert (answer["released"], answer["code"]) == (False, "unknown_device")
    await service.provision("one")
    assert (await call(service, "POST", f"/{key}/replay")).json()["released"] is True


@pytest.mark.parametrize(
    "body", [b"\x01\x02", frame(recent(0)) + b"\x00"], ids=["too short", "too long"]
)
async def test_bytes_that_are_no_frame_stay(service: Service, body: bytes) -> None:
    await service.provision("one")
    key = await hold(service, body)
    answer = (await call(service, "POST", f"/{key}/replay")).json()
    assert (answer["released"], answer["code"]) == (False, "invalid_frame")


async def test_a_message_is_discarded_for_good(service: Service) -> None:
    key = await hold(service, b"x")
    assert (await call(service, "DELETE", f"/{key}")).status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        response = await call(service, method, f"/{key}{path}")
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "unknown_message"


async def test_pages_meet_and_only_the_admin_reads_them(service: Service) -> None:
    for number in range(5):
        await hold(service, bytes([number]))
    seen = []
    cursor: int | None = 0
    while cursor is not None:
        page = (await call(service, "GET", limit=2, cursor=cursor)).json()
        seen += [item["id"] for item in page["messages"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 5
    assert (await service.client.get("/v1/quarantine")).status_code == 401


@pytest.fixture
async def small(migrated_url: str, db: Connection) -> AsyncIterator[Service]:
    """A service that keeps 4 KiB of each sender and 8 KiB of all."""
    bounds = {"quarantine_device_bytes": 4096, "quarantine_max_bytes": 8192}
    async with in_process(settings_for(migrated_url, **bounds)) as running:
        await running.state.registry.load()
        yield running


async def test_a_sender_pushes_out_its_own_messages_only(small: Service) -> None:
    other = await hold(small, b"other", allowance="two", device_id="two")
    for number in range(10):
        await hold(small, bytes([number]) * 500)
    messages = await kept(small)
    assert messages[0]["id"] == other
    assert sum(item["size"] for item in messages[1:]) <= 4096
    assert len(messages) == 5
    newest = (await call(small, "GET", f"/{messages[-1]['id']}")).json()
    assert newest["hex"] == "09" * 500


async def bad_fix(service: Service, token: dict[str, str], number: int) -> int:
    """The answer to a phone whose fix is of no place."""
    query = {"id": "phone", "lat": "95", "lon": str(number)}
    response = await service.client.get("/v1/osmand", params=query, headers=token)
    return response.status_code


async def test_what_a_sender_was_told_to_forget_is_never_pushed_out(
    small: Service,
) -> None:
    token = await small.provision("phone")
    await small.post([row(latitude=99)], token)
    answers = [await bad_fix(small, token, number) for number in range(12)]
    taken = answers.count(200)
    assert answers == [200] * taken + [503] * (12 - taken)
    assert 4 < taken < 10
    messages = await kept(small)
    # The native row was refused to its sender's face, so it made room.
    assert [item["acknowledged"] for item in messages] == [True] * taken
    assert 'dropped_total{reason="full"}' in await small.metrics()
    # What is there already is acknowledged again, and the first takes no more room.
    assert await bad_fix(small, token, 0) == 200
    assert await bad_fix(small, token, 99) == 503
    await call(small, "DELETE", f"/{messages[0]['id']}")
    assert await bad_fix(small, token, 99) == 200


async def test_a_full_quarantine_keeps_no_good_fix_out(small: Service) -> None:
    token = await small.provision("phone")
    answers = [await bad_fix(small, token, number) for number in range(12)]
    assert answers[-1] == 503
    query = {"id": "phone", "lat": "7", "lon": "8"}
    response = await small.client.get("/v1/osmand", params=query, headers=token)
    assert response.json()["accepted"] == 1


async def test_all_that_was_acknowledged_together_is_bounded_too(
    small: Service,
) -> None:
    for number in range(3):
        body = b"x" * 3000
        await small.state.quarantine.keep(
            [refused(body, allowance=f"device-{number}", acknowledged=number < 2)]
        )
    with pytest.raises(QuarantineFull):
        await small.state.quarantine.keep(
            [refused(b"y" * 3000, allowance="device-3", acknowledged=True)]
        )
    await small.state.quarantine.expire()
    assert [item["acknowledged"] for item in await kept(small)] == [True, True]


async def test_what_is_refused_at_once_is_kept_in_few_transactions(
    service: Service, db: Connection
) -> None:
    before = await db.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    await asyncio.gather(
        *(
            service.state.quarantine.keep([refused(b"x", allowance=f"device-{number}")])
            for number in range(50)
        )
    )
    assert len(await kept(service)) == 50
    taken = await db.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM quarantine "
        "WHERE age(xmin) <= age($1::text::xid8::xid)",
        before,
    )
    assert taken <= 2


async def test_one_that_cannot_be_kept_is_no_other_ones_fault(small: Service) -> None:
    async def keep(allowance: str, **values: Any) -> Exception | None:
        item = refused(b"x" * 3000, allowance=allowance, **values)
        try:
            await small.state.quarantine.keep([item])
        except Exception as error:
            return error
        return None

    await keep("full", acknowledged=True)
    before, full, unstorable, after = await asyncio.gather(
        keep("before"),
        keep("full", acknowledged=True, protocol="gt06"),
        keep("unstorable", reason="\x00"),
        keep("after"),
    )
    assert before is after is None
    assert isinstance(full, QuarantineFull)
    assert isinstance(unstorable, asyncpg.DataError)
    names = [item["protocol"] for item in await kept(small)]
    assert names == ["teltonika"] * 3


async def test_who_leaves_while_it_is_kept_holds_up_nobody(service: Service) -> None:
    quarantine = service.state.quarantine
    leaving = asyncio.create_task(quarantine.keep([refused(b"left")]))
    staying = asyncio.create_task(quarantine.keep([refused(b"stays")]))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(await kept(service)) == 2


async def test_what_was_acknowledged_is_kept_as_long_as_fixes_are(
    small: Service, migrated_url: str
) -> None:
    for number, days in enumerate((399, 401)):
        seen = datetime.now(UTC) - timedelta(days=days)
        await small.state.quarantine.keep(
            [refused(bytes([number]), acknowledged=True, received_at=seen)]
        )
    await small.state.quarantine.expire()
    assert len(await kept(small)) == 2
    bounds = {"retention_days": 400}
    async with in_process(settings_for(migrated_url, **bounds)) as other:
        await other.state.quarantine.expire()
        assert len(await kept(other)) == 1
        assert 'dropped_total{reason="retention"} 1.0' in await other.metrics()


async def test_a_message_larger_than_the_allowance_is_dropped_and_counted(
    small: Service,
) -> None:
    item = Received(Message(body=b"x" * 5000), HTTP_FORMATS["native"], NOW)
    await small.state.quarantine.keep([item.refused("one", "c", "r", "one")])
    assert await kept(small) == []
    assert 'dropped_total{reason="too_large"} 1.0' in await small.metrics()


async def test_all_senders_together_are_bounded_and_old_messages_go(
    small: Service, db: Connection
) -> None:
    for number in range(5):
        await hold(small, b"x" * 3000, allowance=f"device-{number}")
    await hold(small, b"old", received_at=datetime.now(UTC) - timedelta(days=31))
    assert await small.state.quarantine.expire() > 60
    messages = await kept(small)
    assert sum(item["size"] for item in messages) <= 8192
    assert [item["size"] > 3000 for item in messages] == [True, True]


async def test_a_flood_from_nobody_is_kept_at_a_low_rate(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No room comes back meanwhile: on a busy machine the flood takes its time.
    limit = RateLimit(5.0, 20, clock=lambda: 0)
    monkeypatch.setattr(service.state.quarantine, "_anonymous", limit)
    for number in range(30):
        await service.client.get("/", params={"id": f"n{number}", "lat": 1, "lon": 2})
    assert len(await kept(service, limit=1000)) == 20
    assert 'dropped_total{reason="rate_limited"}' in await service.metrics()


async def test_without_a_database_nothing_is_promised() -> None:
    database = Database(settings_for(f"postgresql://gps@127.0.0.1:{free_port()}/gps"))
    await database.open()
    metrics = Metrics()
    registry = DeviceRegistry(database, metrics)
    quarantine = Quarantine(database, registry, metrics, Bounds(4096, 8192, 1))
    received = Received(Message(body=b"x"), HTTP_FORMATS["native"], NOW)
    item = received.refused(ANONYMOUS, "code", "reason", "not an id \x00")
    assert item.device_id is None
    await quarantine.keep_if_possible(item)
    with pytest.raises(StorageUnavailable):
        await quarantine.keep([item])
    assert await quarantine.expire() < 60
    dropped = metrics.registry.get_sample_value(
        "gps_quarantine_dropped_total", {"reason": "unavailable"}
    )
    assert dropped == 1
    await database.close()


Output = pytest.CaptureFixture[str]


async def command(*arguments: str) -> int:
    """Run the program beside the service."""
    return await asyncio.to_thread(main, ["quarantine", *arguments])


@pytest.mark.usefixtures("unlogged")
async def test_people_list_show_replay_and_discard_at_a_shell(
    migrated_url: str,
    db: Connection,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GPS_ADMIN_TOKEN", "the-admin-token")
    async with over_http(settings_for(migrated_url)) as (service, url):
        await hold(service, frame(recent(0)))
        keys = [str(await hold(service, login())), str(await hold(service, b"x"))]
        capsys.readouterr()
        at = ["--url", url]
        assert await command(*at, "list", "--device", "one") == 0
        listed = [json.loads(line) for line in lines(capsys)]
        assert [item["id"] for item in listed][1:] == [int(key) for key in keys]
        assert await command(*at, "show", keys[1]) == 0
        assert json.loads("".join(lines(capsys)))["hex"] == "78"
        assert await command(*at, "replay", keys[0]) == 1
        await service.provision("one")
        capsys.readouterr()
        assert await command(*at, "replay", "--device", "one") == 1
        replayed = [json.loads(line)["released"] for line in lines(capsys)]
        assert replayed == [True, True, False]
        assert await command(*at, "discard", keys[1]) == 0
        assert await command(*at, "discard", keys[1]) == 1
        assert "list them first" in capsys.readouterr().err
        monkeypatch.setenv("GPS_ADMIN_TOKEN", "wrong")
        assert await command(*at, "list") == 1
        assert "not the admin token" in capsys.readouterr().err
    assert await command(*at, "list") == 1
    assert url in capsys.readouterr().err


def lines(capsys: Output) -> list[str]:
    """What the command printed."""
    return capsys.readouterr().out.splitlines()


def test_a_token_is_never_kept() -> None:
    message = Message(query="%74oken=s&id=1", body=b"token=s&lat=1")
    assert without_token(message) == Message(query="id=1", body=b"lat=1")
    document = json.dumps({"note": "a&token=b"}).encode()
    assert without_token(Message(body=document)).body == document
