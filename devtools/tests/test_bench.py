"""The measurement measures: CPU time is somebody's, and what was sent was stored."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from devtools import cli
from devtools.bench import command, teltonika
from devtools.bench.cpu import cpu_seconds
from devtools.bench.ingestion import Measured, Sizes, Ways, measure, middle_of
from devtools.bench.load import Load
from devtools.bench.memory import Memory, resident_mib, watched
from devtools.bench.odoo_lag import OdooLag
from devtools.bench.page import write_page
from devtools.bench.report import lines, targets
from devtools.bench.stage import Cost
from devtools.bench.vehicle_day import VehicleDay, served_plans
from devtools.layout import Layout
from devtools.processes import identify

REAL = Layout.discover()
# Works for 0.3 s, in itself or in a child that it waits for.
WORK = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORK!r}])\n"
THEN_WAIT = "print('done', flush=True)\nsys.stdin.read()\n"


@pytest.mark.parametrize("work", [f"import sys\n{WORK}", PARENT])
def test_work_counts_whoever_of_the_family_did_it(work: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", work + THEN_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # The kernel counts in ticks of 10 ms.
        assert 0.25 <= cpu_seconds(process.pid) < 3
        process.communicate()


def test_who_is_gone_has_used_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert identify(process.pid) is None
    assert cpu_seconds(process.pid) == 0


def test_memory_is_that_of_the_process() -> None:
    before = resident_mib(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 32)
    assert resident_mib(os.getpid()) >= before + 16
    del held


def test_memory_is_looked_at_until_the_end() -> None:
    with watched(os.getpid(), 0.01) as memory:
        while len(memory.mib) < 5:
            time.sleep(0.01)
    count = len(memory.mib)
    assert count == len(memory.seconds) and memory.seconds == sorted(memory.seconds)
    assert resident_mib(0) == 0


def test_what_fills_in_the_beginning_is_no_growth() -> None:
    seconds = [float(second) for second in range(10)]
    assert Memory(seconds, [10.0, 40.0, *[50.0] * 8]).growth_mib == 0.0
    leak = [50.0 + 2 * second for second in seconds]
    assert Memory(seconds, leak).growth_mib == 12.0
    assert Memory([0.0], [50.0]).growth_mib == 0.0


def test_the_checksum_is_the_one_that_trackers_use() -> None:
    # The check value of CRC-16/ARC.
    assert teltonika.crc16(b"123456789") == 0xBB3D


def test_the_round_of_middle_rate_counts() -> None:
    costs = [Cost(1, rate, 0, 0, 0) for rate in (5.0, 900.0, 7.0)]
    assert middle_of(costs).per_s == 7.0
    assert middle_of(costs[:2]).per_s == 5.0


def test_a_real_service_and_database_are_measured(tmp_path: Path) -> None:
    layout = Layout(root=REAL.root, cache=REAL.cache, run=tmp_path / "run")
    sizes = Sizes(
        rounds=1,
        batched=8000,
        singles=320,
        trackers=5,
        frames=2,
        half_s=0.5,
        soak_s=2.0,
        history=20_000,
    )
    measured = measure(layout, sizes)
    ways = measured.ways
    assert (ways.batch.fixes, ways.single.fixes, ways.ceiling.fixes) == (
        8000,
        320,
        8000,
    )
    assert measured.trackers.fixes == 5 * 2 * teltonika.RECORDS
    assert ways.single.server_us > ways.batch.server_us, "a request costs more"
    assert ways.plain.server_us == 0, "COPY goes past the service"
    assert ways.ceiling.database_us > 0
    assert measured.half_batch.stored > 0 and measured.half_single.stored > 0
    assert measured.soak.stored > 0 and min(measured.memory.mib) > 10
    assert 50 < measured.fix_bytes < 1000
    assert 50 < measured.wal_bytes < 5000
    assert (measured.day.rows, measured.day.fixes) == (20_000, 20)
    assert 0 < measured.day.median_ms <= measured.day.slow_ms
    plan = "\n".join(measured.day.plan)
    assert "Index Scan" in plan and "Seq Scan" not in plan
    assert list(layout.run.iterdir()) == [], "nothing is left behind"


def test_the_plan_is_that_of_the_history_and_of_no_other_query() -> None:
    log = (
        "2026 LOG:  duration: 1.0 ms  plan:\n\tQuery Text: SELECT 1\n\tResult\n"
        "2026 LOG:  duration: 2.0 ms  plan:\n\tQuery Text: \n\tSELECT fix_time\n"
        "\tORDER BY fix_time\n\tLIMIT $4\n\t\n\tLimit  (rows=3)\n\t  ->  Scan\n"
        "2026 LOG:  something else\n\tLimit\n"
    )
    assert served_plans(log) == [["Limit  (rows=3)", "  ->  Scan"]]


def _load(*latencies_ms: float) -> Load:
    return Load(1000, 2.0, list(latencies_ms))


def _found() -> Measured:
    def cost(per_s: float, load: Load | None = None) -> Cost:
        return Cost(1000, per_s, 10.0, 5.0, 0.5, load)

    busy = _load(10.0, 20.0)
    return Measured(
        ways=Ways(
            plain=cost(120_000),
            ceiling=cost(80_000),
            groups=cost(100_000),
            batch=cost(52_000, busy),
            batch_facts=cost(30_000, busy),
            single=cost(3600, busy),
            tutorial=cost(800, busy),
        ),
        trackers=cost(15_000, busy),
        half_batch=_load(3.0, 4.0),
        half_single=_load(1.0, 2.0),
        soak=_load(3.0, 4.0),
        memory=Memory([float(n) for n in range(10)], [80.0] * 10),
        fix_bytes=150,
        wal_bytes=250,
        day=VehicleDay(10_000_000, 1000, 12.4, 30.0, ["Limit (actual time=1..2)"]),
    )


LAG = OdooLag(1000, 6000, 1.2, 2.9, 3.4)


def test_ratios_are_judged_by_what_was_wanted() -> None:
    found = _found()
    assert [target.found for target in targets(found, LAG)] == [
        "0.65",
        "4.5",
        "12 ms, one in twenty 30 ms",
        "2.9 s",
    ]
    assert all(target.reached for target in targets(found, LAG))
    slow = replace(
        found,
        ways=replace(found.ways, ceiling=found.ways.plain, tutorial=found.ways.single),
        day=replace(found.day, slow_ms=51.0),
    )
    late = replace(LAG, p99_s=10.5)
    assert not any(target.reached for target in targets(slow, late))
    assert sum("MISSED" in line for line in lines(slow, late)) == 4


def test_the_page_holds_table_plot_plan_and_machine(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, cache=REAL.cache, run=tmp_path / "run")
    write_page(layout, _found(), LAG, date(2026, 11, 30))
    text = " ".join((tmp_path / "docs" / "benchmarks.md").read_text().split())
    for words in (
        "on 2026-11-30",
        "| HTTP, one fix a request | 3,600 |",
        "| 0.65 | reached |",
        "(images/benchmarks.svg)",
        "Limit (actual time=1..2)",
        "p99 2.9 s",
        "cores",
        "asyncpg",
    ):
        assert words in text, words
    plot = (tmp_path / "docs" / "images" / "benchmarks.svg").read_text()
    # Eight ways in and the ground they are drawn on.
    assert plot.count("<rect") == 9 and plot.count("<polyline") == 1


def test_a_page_without_odoo_says_nothing_of_it(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path, cache=REAL.cache, run=tmp_path / "run")
    write_page(layout, _found(), None, date(2026, 11, 30))
    assert "of a real Odoo" not in (tmp_path / "docs" / "benchmarks.md").read_text()


def test_the_command_measures_what_it_is_told_and_prints_it(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []

    def answer(*given: object) -> Measured:
        asked.extend(given)
        return _found()

    def answer_lag(*given: object) -> OdooLag:
        asked.extend(given)
        return LAG

    monkeypatch.setattr(Layout, "discover", lambda: layout)
    monkeypatch.setattr(command, "measure", answer)
    monkeypatch.setattr(command, "measure_lag", answer_lag)
    monkeypatch.setattr(command, "provision", lambda *_, **__: None)
    monkeypatch.setattr(
        command, "write_page", lambda *given: asked.append(given[1].ways)
    )
    told = ["--singles", "7", "--half-s", "2.5", "--vehicles", "30", "--write"]
    assert cli.main(["bench", *told]) == 0
    assert asked == [
        layout, 30, 60.0, layout, Sizes(singles=7, half_s=2.5), _found().ways
    ]  # fmt: skip
    assert capsys.readouterr().out.splitlines() == list(lines(_found(), LAG))


def test_without_vehicles_no_odoo_is_needed(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    monkeypatch.setattr(command, "measure", lambda *_: _found())
    monkeypatch.setattr(command, "ensure_venv", lambda *_: True)
    assert cli.main(["bench", "--vehicles", "0"]) == 0
    assert capsys.readouterr().out.splitlines() == list(lines(_found(), None))
