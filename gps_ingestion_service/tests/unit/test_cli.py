"""The commands."""

import io
import json

import pytest
from support.postgres import free_port

from gps_ingestion_service import schema
from gps_ingestion_service.cli import main

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


@pytest.mark.parametrize(
    ("protocol", "message"),
    [("native", "{"), ("osmand", "lat=1&lon=2"), ("traccar-client", "[]")],
)
def test_decode_refuses_with_a_reason(
    capsys: Output, protocol: str, message: str
) -> None:
    assert main(["decode", protocol, message]) == 1
    assert capsys.readouterr().err.startswith("refused: ")


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
