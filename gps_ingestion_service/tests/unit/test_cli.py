"""The commands."""

import io
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from support.postgres import free_port
from support.service import settings_for, variables
from support.trackers import (
    IMEI,
    datagram,
    frame,
    gt06,
    gt06_position,
    login,
    recent,
)

from gps_ingestion_service import schema
from gps_ingestion_service.cli import main
from gps_ingestion_service.formats.capture import PROTOCOLS

Output = pytest.CaptureFixture[str]


def test_decode_prints_a_json_line_per_fix(capsys: Output) -> None:
    query = "id=phone&lat=18.5&lon=73.8&timestamp=1795428000&speed=10&batt=80"
    assert main(["decode", "osmand", f"http://host/?{query}"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "device_id": "phone",
        "latitude": 18.5,
        "longitude": 73.8,
        "timestamp": "2026-11-23T10:00:00Z",
        "speed": pytest.approx(5.1444, abs=1e-4),
        "attributes": {"batt": 80.0},
    }


def test_decode_reads_standard_input_and_tells_good_rows_from_bad(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"latitude": 1, "longitude": 2, "timestamp": "2026-11-23T10:00:00Z"},
        {"latitude": 91, "longitude": 2, "timestamp": "2026-11-23T10:00:00Z"},
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(rows)))
    assert main(["decode", "native", "-"]) == 1
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1
    assert "out_of_range" in output.err


TELTONIKA = (
    "000000000000003608010000016B40D8EA30010000000000000000000000000000000105021503010"
    "101425E0F01F10000601A014E0000000000000000010000C7CF"
)


def test_decode_reads_a_frame_in_hexadecimal(capsys: Output) -> None:
    assert main(["decode", "teltonika", TELTONIKA]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    fix = json.loads(line)
    assert (fix["latitude"], fix["longitude"], fix["speed"]) == (0, 0, 0)
    assert fix["timestamp"] == "2019-06-10T10:04:46Z"


def test_decode_reads_a_whole_capture_and_a_datagram(capsys: Output) -> None:
    stream = login() + frame(recent(5), recent(0))
    assert main(["decode", "teltonika", stream.hex(" ")]) == 0
    assert main(["decode", "teltonika", datagram(recent(9)).hex()]) == 0
    fixes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [fix["device_id"] for fix in fixes] == [IMEI] * 3


def test_decode_takes_the_zone_of_a_clock(capsys: Output) -> None:
    time = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    packet = gt06(0x12, gt06_position(time)).hex()
    assert main(["decode", "gt06", packet, "--utc-offset-minutes", "480"]) == 0
    assert json.loads(capsys.readouterr().out)["timestamp"] == "2026-11-23T10:00:00Z"


def test_decode_reads_a_text_format_in_hexadecimal_too(capsys: Output) -> None:
    assert main(["decode", "osmand", b"id=1&lat=2&lon=3".hex()]) == 0
    assert json.loads(capsys.readouterr().out)["latitude"] == 2


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("native", "{"),
        ("osmand", "lat=1&lon=2"),
        ("traccar-client", "[]"),
        ("teltonika", "not hexadecimal"),
        ("teltonika", ""),
        ("teltonika", TELTONIKA[:-1] + "E"),
        ("teltonika", TELTONIKA[:-2]),
        ("teltonika", TELTONIKA[:-4]),
        ("teltonika", TELTONIKA + "00"),
        ("gt06", TELTONIKA),
        ("gt06", "78780D01012345678901234500018CDE0D0A"),
        ("gt06", "78780D01012345678901234500018CDD0D"),
        ("gt06", "7878"),
        ("owntracks", '{"_type": "location"}'),
        ("traccar-forward", "{}"),
        *((protocol, "zz") for protocol in PROTOCOLS),
        *((protocol, "7b7") for protocol in PROTOCOLS),
        *((protocol, "7878ff") for protocol in PROTOCOLS),
        # An empty message of OwnTracks is legal.
        *((protocol, " ") for protocol in PROTOCOLS if protocol != "owntracks"),
    ],
)
def test_decode_refuses_with_a_reason(
    capsys: Output, protocol: str, message: str
) -> None:
    assert main(["decode", protocol, message]) == 1
    assert capsys.readouterr().err.startswith("refused: ")


def test_decode_says_that_the_speed_is_not_known(capsys: Output) -> None:
    query = "id=1&lat=2&lon=3&timestamp=2026-11-23%2010:00:00"
    assert main(["decode", "osmand", query]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "timestamp": "2026-11-23T10:00:00Z",
        "latitude": 2,
        "longitude": 3,
        "speed": None,
        "device_id": "1",
        "sent_timestamp": "2026-11-23T10:00:00Z",
        "attributes": {"announced_offset_minutes": 0},
    }


def test_decode_takes_no_bytes_from_standard_input(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = io.TextIOWrapper(io.BytesIO(bytes.fromhex("7878FF")), "utf-8")
    monkeypatch.setattr("sys.stdin", binary)
    assert main(["decode", "gt06", "-"]) == 1
    assert "xxd -p" in capsys.readouterr().err


def test_a_zone_that_no_place_has_is_refused(capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["decode", "gt06", "00", "--utc-offset-minutes", "900"])
    assert caught.value.code == 2
    assert "between -840 and 840" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["serve", "--port", "0"], ["decode", "morse", "..."]],
)
def test_a_wrong_command_line_is_refused(capsys: Output, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_missing_setting_is_one_line_and_not_a_traceback(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("GPS_DATABASE_URL", raising=False)
    assert main([command]) == 2
    error = capsys.readouterr().err
    assert "GPS_DATABASE_URL: is not set" in error
    assert len(error.splitlines()) == 1


def test_migrate_says_what_the_schema_is_at(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, migrated_url: str
) -> None:
    monkeypatch.setenv("GPS_DATABASE_URL", migrated_url)
    assert main(["migrate"]) == 0
    assert schema.head_revision() in capsys.readouterr().out


def test_migrate_without_a_database_says_what_to_check(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://gps:hunter2@127.0.0.1:{free_port()}/gps"
    monkeypatch.setenv("GPS_DATABASE_URL", url)
    assert main(["migrate"]) == 1
    error = capsys.readouterr().err
    assert "check GPS_DATABASE_URL" in error
    assert "hunter2" not in error


def test_serve_says_where_fewer_files_may_be_open_than_connections() -> None:
    settings = settings_for(
        "postgresql://gps@127.0.0.1:1/gps", http_max_connections=10**9
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "gps_ingestion_service", "serve", "--port", port],
            env={**os.environ, **variables(settings)},
            capture_output=True,
            timeout=120,
        )
    assert ended.returncode != 0
    assert b'"too_few_open_files"' in ended.stderr
