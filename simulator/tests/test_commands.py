"""The command line end to end, against a service on a local socket."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.web import Response

from simulator import scene as scene_module
from simulator.cli import main
from simulator.drive import DriveOptions, drive
from simulator.fleet import FleetError, Vehicle, parse_fleet
from simulator.load import LoadError, LoadOptions, load, percentile
from simulator.report import Reporter
from simulator.tests.conftest import row
from simulator.tests.service import Service, error, running

ROOT = Path(__file__).resolve().parents[2]
START = 1_790_000_000


def driven(
    service: Service, vehicles: list[Vehicle], **changes: Any
) -> tuple[dict[str, object], list[dict[str, Any]]]:
    """Drive in the past, so that nothing has to be waited for."""
    stream = io.StringIO()

    async def work() -> dict[str, object]:
        async with running(service) as url:
            usual = DriveOptions(vehicles, url, START, duration_s=600.0)
            return await drive(replace(usual, **changes), Reporter(stream))

    summary = asyncio.run(work())
    return summary, [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_fleet_is_driven_and_every_fix_stored(
    vehicles: list[Vehicle], tmp_path: Path
) -> None:
    service = Service()
    ledger = tmp_path / "ledger.ndjson"
    summary, lines = driven(service, vehicles, ledger=ledger)

    assert {device for device, _ in service.stored} == {
        vehicle.device_id for vehicle in vehicles
    }
    acknowledged = [
        tuple(json.loads(line).values()) for line in ledger.read_text().splitlines()
    ]
    assert set(acknowledged) == set(service.stored)
    assert len(acknowledged) == len(set(acknowledged))
    assert summary["rejected"] == 0
    assert summary["recorded"] == len(acknowledged) + int(str(summary["buffered"]))
    assert [line["event"] for line in lines] == ["started", "stopped"]
    assert lines[-1]["vehicles"] == 7


def test_two_drives_send_the_same_fixes(vehicles: list[Vehicle]) -> None:
    first, second = Service(), Service()
    driven(first, vehicles)
    driven(second, vehicles)
    assert first.stored == second.stored


def test_status_lines_come_while_driving(vehicles: list[Vehicle]) -> None:
    _, lines = driven(Service(), vehicles, status_interval_s=0.01)
    status = [line for line in lines if line["event"] == "status"]
    assert status
    assert {"vehicles", "offline", "refused", "buffered", "sent"} <= set(status[0])


def test_tokens_are_needed_to_drive_and_never_printed(
    vehicles: list[Vehicle],
) -> None:
    _, lines = driven(Service(unknown={"device-0"}), vehicles[:2])
    assert "secret" not in json.dumps(lines)
    with pytest.raises(FleetError, match=r"vehicles\[0\].token: missing"):
        driven(Service(), parse_fleet({"vehicles": [row(0, token=None)]}))


def test_without_recorded_drives_the_fleet_still_drives(
    vehicles: list[Vehicle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_module, "recorded_library", lambda: None)
    service = Service()
    _, lines = driven(service, vehicles[:1])
    assert lines[0]["event"] == "no_recorded_shapes"
    assert service.stored


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_drive_with_a_summary(
    number: signal.Signals, fleet_file: Path, tmp_path: Path
) -> None:
    service = Service()

    async def work() -> tuple[int | None, list[dict[str, Any]]]:
        async with running(service) as url:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "simulator", "drive"),
                *("--fleet", str(fleet_file), "--url", url, "--backfill", "60"),
                *("--ledger", str(tmp_path / "ledger")),
                cwd=ROOT,
                stderr=asyncio.subprocess.PIPE,
            )
            await asyncio.wait_for(service.heard.wait(), timeout=120)
            process.send_signal(number)
            _, stderr = await process.communicate()
            lines = [json.loads(line) for line in stderr.decode().splitlines()]
            return process.returncode, lines

    code, lines = asyncio.run(work())
    assert code == 0
    assert lines[-1]["event"] == "stopped"
    told = (tmp_path / "ledger").read_text().splitlines()
    assert {tuple(json.loads(line).values()) for line in told} <= set(service.stored)


class Interrupting(Service):
    """Sends a signal to this process with the first request it hears."""

    def _answer(self, rows: list[dict[str, Any]], unknown_status: int) -> Response:
        if not self.heard.is_set():
            signal.raise_signal(signal.SIGTERM)
        return super()._answer(rows, unknown_status)


def test_a_signal_ends_an_endless_drive(vehicles: list[Vehicle]) -> None:
    summary, lines = driven(Interrupting(), vehicles, duration_s=None)
    assert lines[-1]["event"] == "stopped"
    assert int(str(summary["sent"])) > 0


def test_a_signal_ends_a_load_with_what_was_sent() -> None:
    result = loaded(Interrupting(), duration_s=3_000, batch=5)
    assert result["sent"] == 5
    assert result["accepted"] + result["errors"] == 5


def test_a_stop_from_outside_is_passed_on(vehicles: list[Vehicle]) -> None:
    async def work() -> None:
        service = Service()
        async with running(service) as url:
            options = DriveOptions(vehicles=vehicles, url=url, start=START)
            task = asyncio.create_task(drive(options, Reporter(io.StringIO())))
            await asyncio.wait_for(service.heard.wait(), timeout=120)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())


def loaded(service: Service, **changes: Any) -> dict[str, Any]:
    async def work() -> dict[str, Any]:
        async with running(service) as url:
            usual = LoadOptions(
                url, "secret", vehicles=5, batch=2, interval_s=1, duration_s=0.9
            )
            result = await load(replace(usual, **changes))
            return result.as_dict()

    return asyncio.run(work())


def test_a_load_sends_one_fix_per_vehicle_and_interval() -> None:
    service = Service()
    result = loaded(service)

    assert (result["sent"], result["accepted"], result["errors"]) == (5, 5, 0)
    assert sorted(len(batch) for batch in service.arrivals) == [1, 2, 2]
    assert len({device for device, _ in service.stored}) == 5
    assert result["latency_ms"]["p50"] > 0
    assert set(service.tokens) == {"Bearer secret"}


def test_a_load_counts_duplicates_rejections_and_errors() -> None:
    result = loaded(Service(rejects=lambda row: row["device_id"] == "LOAD-000000"))
    assert (result["accepted"], result["rejected"]) == (4, 1)
    assert result["first_rejection"] == "x: y"

    result = loaded(Service(faults=[error(503, "full")]), batch=5)
    assert (result["accepted"], result["errors"]) == (0, 5)
    assert result["first_error"] == "503 full: because of full"


@pytest.mark.parametrize(
    "changes",
    [
        {"vehicles": 0},
        {"vehicles": 100_001},
        {"batch": 0},
        {"duration_s": 3_601},
        {"duration_s": 3_600, "vehicles": 100_000},
    ],
)
def test_a_load_is_bounded(changes: dict[str, Any]) -> None:
    with pytest.raises(LoadError):
        loaded(Service(), **changes)


def test_percentiles_are_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([], 50) == 0


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(str(stop.code))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_track_prints_the_road_and_its_fixes(run: Run, fleet_file: Path) -> None:
    code, out, _ = run(
        *("track", "--fleet", str(fleet_file), "--vehicle", "MH12AB0000"),
        *("--duration", "600"),
    )
    assert code == 0
    features = json.loads(out)["features"]
    kinds = {feature["properties"]["kind"] for feature in features}
    assert kinds == {"road", "toll", "no_coverage", "fix"}
    road = features[0]
    assert len(road["geometry"]["coordinates"]) > 1_000
    assert "Lonavla" in road["properties"]["towns"]
    assert road["properties"]["recorded_shapes"] is True


def test_track_prints_native_fixes(run: Run, fleet_file: Path) -> None:
    code, out, _ = run(
        *("track", "--fleet", str(fleet_file), "--vehicle", "device-6"),
        *("--format", "ndjson", "--duration", "900", "--start", "2026-03-01T06:00:00"),
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(rows) == 3
    assert rows[0]["timestamp"].startswith("2026-03-01T06:00:0")


@pytest.mark.parametrize("end", [None, {"name": "M", "latitude": 19.1}])
def test_track_of_a_vehicle_without_a_lane_has_no_road(
    run: Run, tmp_path: Path, end: dict[str, Any] | None
) -> None:
    if end is not None:
        end["longitude"] = 72.88
    path = tmp_path / "fleet.json"
    parked = row(0, state=None, source=end, destination=end)
    path.write_text(json.dumps({"vehicles": [parked]}))
    code, out, _ = run("track", "--fleet", str(path), "--vehicle", "device-0")
    kinds = {f["properties"]["kind"] for f in json.loads(out)["features"]}
    assert (code, kinds) == (0, {"fix"})


def test_an_unknown_vehicle_is_told_with_those_there_are(
    run: Run, fleet_file: Path
) -> None:
    code, _, err = run("track", "--fleet", str(fleet_file), "--vehicle", "X")
    assert code == 2
    assert "no vehicle 'X'" in err and "MH12AB0000" in err


def test_a_bad_fleet_file_is_told_on_one_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps({"vehicles": [row(0, format="fax")]}))
    code, _, err = run("drive", "--fleet", str(path), "--url", "http://127.0.0.1:1")
    assert code == 2
    assert err.count("\n") == 1
    assert "vehicles[0].format: 'fax'" in err


def test_a_ledger_that_cannot_be_written_is_told(
    run: Run, fleet_file: Path, tmp_path: Path
) -> None:
    code, _, err = run(
        *("drive", "--fleet", str(fleet_file), "--url", "http://127.0.0.1:1"),
        *("--ledger", str(tmp_path / "no" / "ledger")),
    )
    assert code == 2
    assert "ledger" in err and "No such file" in err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--url", "127.0.0.1:8070"),
        ("--url", "ftp://127.0.0.1"),
        ("--url", "http://127.0.0.1:port"),
        ("--interval", "0"),
        ("--interval", "1.5"),
        ("--speedup", "-1"),
        ("--speedup", "inf"),
        ("--duration", "soon"),
    ],
)
def test_a_bad_option_is_refused(
    run: Run, fleet_file: Path, option: str, value: str
) -> None:
    arguments = {"--fleet": str(fleet_file), "--url": "http://127.0.0.1:1"}
    arguments[option] = value
    flat = [part for pair in arguments.items() for part in pair]
    code, _, err = run("drive", *flat)
    assert code == 2
    assert option in err and value in err


def test_a_bad_time_is_refused(run: Run, fleet_file: Path) -> None:
    arguments = ("--fleet", str(fleet_file), "--vehicle", "X", "--start", "noon")
    code, _, err = run("track", *arguments)
    assert code == 2 and "noon" in err


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("http://192.0.2.1", "t", "--allow-remote"),
        ("http://example.org", "t", "--allow-remote"),
        ("http://localhost:1", "", "GPS_INGEST_TOKEN"),
    ],
)
def test_a_load_needs_a_token_and_stays_on_this_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, token: str, message: str
) -> None:
    monkeypatch.setenv("GPS_INGEST_TOKEN", token)
    code, _, err = run("load", "--url", url)
    assert code == 2
    assert message in err


def test_the_load_command_prints_one_json_object(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    service = Service()

    async def work() -> tuple[int | None, bytes]:
        async with running(service) as url:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "simulator", "load", "--url", url),
                *("--token-file", str(token), "--vehicles", "3"),
                *("--duration", "1", "--interval", "1", "--batch", "3"),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            return process.returncode, out

    code, out = asyncio.run(work())
    assert code == 0
    assert json.loads(out)["accepted"] == 3


def test_load_tells_by_its_exit_code_that_fixes_were_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPS_INGEST_TOKEN", "secret")
    code, out, _ = run(
        *("load", "--url", "http://127.0.0.1:1", "--vehicles", "2"),
        *("--duration", "1", "--interval", "1"),
    )
    assert code == 1
    assert json.loads(out)["errors"] == 2


def test_the_module_runs_from_the_repository_root() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "drive" in done.stdout


def test_the_drive_command_drives_into_the_past_and_ends(
    run: Run, fleet_file: Path
) -> None:
    code, _, err = run(
        *("drive", "--fleet", str(fleet_file), "--url", "http://127.0.0.1:1"),
        *("--duration", "0.2", "--connections", "2"),
    )
    assert code == 0
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"
