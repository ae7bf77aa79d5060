"""Many devices at once, from a file."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.service import ADMIN, Service, over_http, row, settings_for

from gps_ingestion_service.cli import main
from gps_ingestion_service.database import Connection

IMEI, PHONE = "356307042441013", "driver-7"
FLEET = f"""device_id,vehicle_identifier,only_on_trip,utc_offset_minutes
{IMEI},MH12AB1234,,480
{PHONE},MH14CD5678,true,
"""
# As a Traccar server answers GET /api/devices.
TRACCAR = {
    "id": 1,
    "attributes": {},
    "groupId": 0,
    "name": "MH 12 AB-1234",
    "uniqueId": IMEI,
    "status": "offline",
    "lastUpdate": None,
    "positionId": 0,
    "phone": None,
    "model": "FMB920",
    "contact": None,
    "category": "truck",
    "disabled": False,
}
Run = Callable[..., Awaitable[tuple[int, list[dict[str, Any]]]]]

pytestmark = pytest.mark.usefixtures("unlogged")


@pytest.fixture
async def remote(
    migrated_url: str, db: Connection
) -> AsyncIterator[tuple[Service, str]]:
    """A service on a port, and its URL."""
    async with over_http(settings_for(migrated_url)) as (service, url):
        await service.state.registry.load()
        yield service, url


@pytest.fixture
def run(
    remote: tuple[Service, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """``devices import`` of a text; the exit status and what it printed."""
    monkeypatch.setenv("GPS_ADMIN_TOKEN", "the-admin-token")

    async def run(text: str, *options: str) -> tuple[int, list[dict[str, Any]]]:
        file = tmp_path / "devices"
        file.write_text(text, encoding="utf-8")
        arguments = ["devices", "--url", remote[1], "import", str(file), *options]
        status = await asyncio.to_thread(main, arguments)
        out = capsys.readouterr().out
        return status, [json.loads(line) for line in out.splitlines()]

    return run


async def device(service: Service, device_id: str) -> dict[str, Any]:
    page = await service.client.get("/v1/devices", headers=ADMIN)
    found: dict[str, Any] = next(
        item for item in page.json()["devices"] if item["device_id"] == device_id
    )
    return found


async def test_every_row_becomes_a_device(
    run: Run, remote: tuple[Service, str]
) -> None:
    assert await run(FLEET) == (
        0,
        [
            {"row": 1, "device_id": IMEI, "status": "created"},
            {"row": 2, "device_id": PHONE, "status": "created"},
        ],
    )
    tracker = await device(remote[0], IMEI)
    assert tracker["vehicle_identifier"] == "MH12AB1234"
    assert (tracker["enabled"], tracker["only_on_trip"]) == (True, False)
    assert tracker["utc_offset_minutes"] == 480
    assert (await device(remote[0], PHONE))["only_on_trip"]


async def test_the_same_file_again_changes_nothing(
    run: Run, remote: tuple[Service, str]
) -> None:
    await run(FLEET)
    status, verdicts = await run(FLEET)
    assert status == 0
    assert [verdict["status"] for verdict in verdicts] == ["unchanged"] * 2
    assert (await device(remote[0], IMEI))["version"] == 1


async def test_a_list_of_devices_as_traccar_answers_it_is_taken(
    run: Run, remote: tuple[Service, str]
) -> None:
    off = {**TRACCAR, "uniqueId": "two", "disabled": True}
    zone = {**TRACCAR, "uniqueId": "three"}
    zone["attributes"] = {"decoder.timezone": "Asia/Shanghai"}
    status, verdicts = await run(json.dumps([TRACCAR, off, zone]))
    assert status == 0
    assert (await device(remote[0], IMEI))["vehicle_identifier"] == "MH12AB1234"
    assert (await device(remote[0], IMEI))["enabled"]
    assert not (await device(remote[0], "two"))["enabled"]
    assert "Asia/Shanghai" in verdicts[2]["note"]


async def test_a_sheet_as_a_spreadsheet_saves_it_is_taken(
    run: Run, remote: tuple[Service, str]
) -> None:
    sheet = (
        f"\ufeffName;Identifier;Disabled;Model\r\nMH 12 AB 1234;{IMEI};no;FMB920\r\n"
    )
    assert (await run(sheet))[1][0]["status"] == "created"
    assert (await device(remote[0], IMEI))["vehicle_identifier"] == "MH12AB1234"


async def test_a_bad_row_is_refused_with_its_reason_and_the_others_are_not(
    run: Run, remote: tuple[Service, str]
) -> None:
    status, verdicts = await run(
        "uniqueId,name,enabled,version\n"
        ",MH1,,\nno-vehicle,,,\nnot/an/id,MH1,,\nmaybe,MH1,perhaps,\n"
        "no-number,MH1,,x\nsymbols,---,,\ngood,MH1,false,7\n"
    )
    assert status == 1
    assert [verdict["status"] for verdict in verdicts] == ["refused"] * 6 + ["created"]
    named = ["device_id", "vehicle_identifier", "", "enabled", "version", "vehicle"]
    for verdict, name in zip(verdicts, named, strict=False):
        assert name in verdict["reason"]
    good = await device(remote[0], "good")
    assert (good["enabled"], good["version"]) == (False, 7)


async def test_a_device_with_other_content_is_changed_only_if_that_is_asked_for(
    run: Run, remote: tuple[Service, str]
) -> None:
    await run(FLEET)
    moved = FLEET.replace("MH12AB1234", "MH99ZZ9999")
    status, verdicts = await run(moved)
    assert (status, verdicts[0]["status"]) == (1, "refused")
    assert "--replace" in verdicts[0]["reason"]
    assert (await device(remote[0], IMEI))["vehicle_identifier"] == "MH12AB1234"
    status, verdicts = await run(moved, "--replace")
    assert (status, [item["status"] for item in verdicts]) == (
        0,
        ["changed", "unchanged"],
    )
    changed = await device(remote[0], IMEI)
    assert (changed["vehicle_identifier"], changed["version"]) == ("MH99ZZ9999", 2)


async def test_tokens_are_issued_once_to_a_file_of_ones_own(
    run: Run, remote: tuple[Service, str], tmp_path: Path
) -> None:
    first, second = tmp_path / "tokens", tmp_path / "more"
    assert (await run(FLEET, "--tokens", str(first)))[0] == 0
    assert first.stat().st_mode & 0o777 == 0o600
    tokens = dict(line.split(",") for line in first.read_text().splitlines())
    assert set(tokens) == {IMEI, PHONE}
    header = {"Authorization": f"Bearer {tokens[IMEI]}"}
    assert (await remote[0].post([row()], header)).json()["accepted"] == 1
    assert (await run(FLEET, "--tokens", str(second)))[0] == 0
    assert second.read_text() == ""
    assert await run(FLEET, "--tokens", str(first)) == (1, [])


async def test_a_file_that_cannot_be_read_is_named(
    run: Run, remote: tuple[Service, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("[1]") == (1, [])
    assert await run('[{"uniqueId": ') == (1, [])
    arguments = ["devices", "--url", remote[1], "import", "/nowhere/fleet.csv"]
    assert await asyncio.to_thread(main, arguments) == 1
    assert "/nowhere/fleet.csv" in capsys.readouterr().err


async def test_a_list_can_come_by_standard_input_and_be_shown(
    remote: tuple[Service, str],
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(FLEET))
    command = ["devices", "--url", remote[1]]
    assert await asyncio.to_thread(main, [*command, "import", "-"]) == 0
    capsys.readouterr()
    assert await asyncio.to_thread(main, [*command, "list"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["device_id"] for item in shown] == [IMEI, PHONE]
