"""What cannot be taken is kept raw and taken later."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.quarantine import call, hold, kept
from support.service import ADMIN, GATEWAY, Service, over_http, row, settings_for
from support.trackers import frame, gt06, gt06_position, login, recent

from gps_ingestion_service.cli import main
from gps_ingestion_service.database import Connection
from gps_ingestion_service.formats import Message
from gps_ingestion_service.positions.intake import without_token

Output = pytest.CaptureFixture[str]


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
