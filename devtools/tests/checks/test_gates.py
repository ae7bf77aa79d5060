"""Gates of ``delivery`` end a check as they end themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.checks import gates
from devtools.checks.check import Outcome, Status
from devtools.checks.gates import ManifestsCheck, WatchCheck
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.tests.conftest import write_program


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("TMS_VENV_DELIVERY", str(tmp_path / "venv"))
    monkeypatch.setenv("PROMTOOL", "/opt/promtool")
    (tmp_path / "delivery").mkdir()
    return Layout(tmp_path, tmp_path / "cache", tmp_path / "run")


def ending(layout: Layout, program: str, said: str, status: int) -> None:
    """Let a program of the virtualenv note its words, and end so."""
    script = f'#!/bin/sh\necho "$PROMTOOL $@"\necho "{said}"\nexit {status}\n'
    write_program(layout.venv("delivery") / "bin" / program, script)


@pytest.mark.parametrize(
    ("status", "said", "outcome"),
    [
        (0, "manifests: CLEAN: 48 objects", Outcome(Status.PASSED)),
        (1, "manifests: FAILED: x", Outcome(Status.FAILED, "FAILED: x")),
        (3, "manifests: NOT CHECKED: no y", Outcome(Status.NOT_CHECKED, "no y")),
    ],
)
def test_a_gate_passes_fails_or_could_not_look(
    layout: Layout, status: int, said: str, outcome: Outcome
) -> None:
    ending(layout, "python", said, status)
    assert ManifestsCheck(layout)(layout.root / "log") == outcome


def test_the_watch_is_checked_with_the_promtool_that_was_found(layout: Layout) -> None:
    ending(layout, "python", "watch: CLEAN: 2 alerts", 0)
    log = layout.root / "log"
    assert WatchCheck(layout)(log).status is Status.PASSED
    assert "/opt/promtool -m delivery watch ." in log.read_text()


@pytest.mark.parametrize(("status", "end"), [(0, Status.PASSED), (1, Status.FAILED)])
def test_spoiled_rules_are_tried_after_sound_ones(
    layout: Layout, status: int, end: Status
) -> None:
    ending(layout, "python", "watch: CLEAN: 2 alerts", 0)
    ending(layout, "pytest", "9 passed", status)
    log = layout.root / "log"
    assert WatchCheck(layout, mutations=True)(log).status is end
    assert "-c tests/watch_real/pytest.ini tests/watch_real" in log.read_text()


def test_without_promtool_the_watch_is_not_checked(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(layout: Layout) -> Path:
        raise DevtoolsError("no promtool")

    monkeypatch.setattr(gates, "ensure_promtool", none)
    found = WatchCheck(layout)(layout.root / "log")
    assert found.status is Status.NOT_CHECKED
    assert "no promtool" in found.note
