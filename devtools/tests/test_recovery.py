"""What was acknowledged before a disaster comes back, and nothing after the target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devtools import cli
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.postgres import Cluster, find_binaries
from devtools.recovery.archive import Archive
from devtools.recovery.drill import Findings, recovery_drill
from devtools.recovery.proof import RPO_S, RTO_S, Proof, lost_seconds, prove
from devtools.recovery.writer import Acknowledged, Writer

REAL = Layout.discover()
START = datetime(2026, 11, 23, 10, tzinfo=UTC)


def batch(number: int, sent_at: float, acked_at: float) -> Acknowledged:
    """Two fixes that no other batch has."""
    first = START + timedelta(minutes=number)
    times = (first, first + timedelta(seconds=1))
    return Acknowledged(times, sent_at, acked_at)


BEFORE, ACROSS, AFTER = batch(0, 10, 11), batch(1, 19, 21), batch(2, 30, 31)
ALL = (BEFORE, ACROSS, AFTER)


def rows(*batches: Acknowledged) -> set[datetime]:
    return {moment for one in batches for moment in one.fix_times}


@pytest.mark.parametrize("restored", [rows(BEFORE), rows(BEFORE, ACROSS)])
def test_what_was_under_way_at_the_target_may_be_there(
    restored: set[datetime],
) -> None:
    proof = prove(ALL, restored, target=20)
    assert proof == Proof(len(restored), before=2, after=2, missing=0, surplus=0)
    assert proof.holds


def test_one_lost_fix_is_one_too_many() -> None:
    proof = prove(ALL, rows(BEFORE) - {START}, target=20)
    assert (proof.missing, proof.holds) == (1, False)


def test_what_came_after_the_target_must_be_gone() -> None:
    proof = prove(ALL, rows(BEFORE) | {AFTER.fix_times[1]}, target=20)
    assert (proof.surplus, proof.holds) == (1, False)


@pytest.mark.parametrize("acknowledged", [(BEFORE,), (AFTER,), ()])
def test_nothing_is_proved_where_one_side_was_not_tried(
    acknowledged: tuple[Acknowledged, ...],
) -> None:
    assert not prove(acknowledged, rows(BEFORE), target=20).holds


def test_the_loss_counts_from_the_oldest_broken_promise() -> None:
    assert lost_seconds(ALL, rows(*ALL), destroyed_at=40) == 0
    assert lost_seconds(ALL, rows(BEFORE), destroyed_at=40) == 40 - ACROSS.acked_at
    assert lost_seconds(ALL, rows(BEFORE, ACROSS), destroyed_at=40) == 9


@pytest.mark.parametrize(
    ("missing", "restore_s", "lost_s", "passed"),
    [
        (0, RTO_S, RPO_S, True),
        (1, 1, 1, False),
        (0, RTO_S + 1, 1, False),
        (0, 1, RPO_S + 1, False),
    ],
)
def test_rows_time_and_loss_all_have_to_be_right(
    missing: int, restore_s: float, lost_s: float, passed: bool
) -> None:
    proof = Proof(restored=9, before=9, after=9, missing=missing, surplus=0)
    assert Findings(proof, restore_s, lost_s).passed is passed


def test_a_writer_notes_nothing_that_nobody_acknowledged() -> None:
    writer = Writer("http://127.0.0.1:9", "token")
    writer.start()
    writer.stop()
    assert writer.acknowledged == ()


def test_a_backup_of_no_server_says_so(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", 1)
    archive.log.mkdir(parents=True)
    binaries = find_binaries(REAL.venv("gps"))
    cluster = Cluster(binaries, tmp_path / "data", 9, tmp_path / "log", "x")
    with pytest.raises(DevtoolsError, match="the base backup failed"):
        archive.back_up(cluster)


def test_a_real_database_is_lost_and_restored_to_a_point_in_time(
    tmp_path: Path,
) -> None:
    layout = Layout(root=REAL.root, cache=REAL.cache, run=tmp_path / "run")
    said: list[str] = []
    findings = recovery_drill(layout, said.append, archive_timeout_s=1, batches=3)
    assert findings.passed, said
    assert findings.to_a_time.restored >= findings.to_a_time.before
    assert "0 missing" in "\n".join(said)
    assert list(layout.run.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize(("surplus", "status"), [(0, 0), (1, 1)])
def test_the_command_fails_when_the_proof_does(
    layout: Layout,
    surplus: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Findings(Proof(1, 1, 1, 0, surplus), 1.0, 1.0)
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    monkeypatch.setattr(cli, "recovery_drill", lambda *given: found)
    assert cli.main(["recovery-drill"]) == status
    assert "recovery drill" in capsys.readouterr().out
