"""The measurement measures: CPU time is somebody's, and what was sent was stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devtools import cli
from devtools.bench.cpu import cpu_seconds
from devtools.bench.ingestion import Cost, Measured, measure
from devtools.bench.report import lines
from devtools.bench.vehicle_day import VehicleDay
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


def test_a_real_service_and_database_are_measured(tmp_path: Path) -> None:
    layout = Layout(root=REAL.root, cache=REAL.cache, run=tmp_path / "run")
    measured = measure(layout, singles=320, batched=5000, history=20_000)
    single, batch, copy = measured.single, measured.batch, measured.copy
    assert [cost.fixes for cost in (single, batch, copy)] == [320, 5000, 5000]
    assert min(cost.per_s for cost in (single, batch, copy)) > 0
    assert single.service_us > batch.service_us, "a request costs more than a row"
    assert batch.service_us > copy.service_us, "COPY goes past the service"
    assert 50 < measured.fix_bytes < 1000
    assert 50 < measured.wal_bytes < 5000
    assert (measured.day.rows, measured.day.fixes) == (20_000, 40)
    assert 0 < measured.day.median_ms <= measured.day.slow_ms
    plan = "\n".join(measured.day.plan)
    assert "Index Scan" in plan and "Seq Scan" not in plan
    assert list(layout.run.iterdir()) == [], "nothing is left behind"


def test_the_command_prints_ratios(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Measured(
        single=Cost(10, 900.0, 1000.0, 200.0),
        batch=Cost(10, 12_000.0, 30.0, 10.0),
        copy=Cost(10, 50_000.0, 0.0, 5.0),
        fix_bytes=150,
        wal_bytes=250,
        day=VehicleDay(10_000_000, 1000, 12.4, 30.0, ["Limit (actual time=1..2)"]),
    )
    asked: list[object] = []

    def answer(*given: object) -> Measured:
        asked.extend(given)
        return found

    monkeypatch.setattr(Layout, "discover", lambda: layout)
    monkeypatch.setattr(cli, "measure", answer)
    assert cli.main(["bench", "--singles", "7", "--batched", "500"]) == 0
    assert asked == [layout, 7, 500, 10_000_000]
    assert capsys.readouterr().out.splitlines() == list(lines(found))
    assert "a fix alone costs 30.0 times the CPU of one in a batch" in lines(found)
    assert "the database works 2.0 times as long on it as on a bare COPY" in lines(
        found
    )
