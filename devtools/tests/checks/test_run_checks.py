"""A whole run, with few checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devtools.checks import commands
from devtools.checks.catalogue import Catalogue
from devtools.checks.check import Check, Kind, Status, failed
from devtools.checks.commands import run_checks
from devtools.checks.lock import compile_locks
from devtools.checks.preparation import Preparation
from devtools.checks.system import RunningSystem
from devtools.cli import main
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.tests.checks.conftest import MakeRepository, make_check
from devtools.tests.conftest import write_program


def only_these(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(Catalogue, "checks", lambda self: list(checks))


def test_a_run_ends_with_its_counts(
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    only_these(monkeypatch, make_check("gps mypy"), make_check("gps black"))

    assert run_checks(layout, tuple(Kind)) == 0

    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "2 passed, 0 failed"
    assert "  Odoo        19.0 (ODOO_HOME=" in "\n".join(printed)
    summary = layout.root / "reports" / "summary.txt"
    assert summary.read_text() == "2 passed, 0 failed\n"


def test_a_failure_is_the_exit_status_and_what_was_shared_is_ended(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Catalogue] = []
    monkeypatch.setattr(Catalogue, "close", lambda self: closed.append(self))
    only_these(monkeypatch, make_check("gps mypy", failed("exit status 1")))

    assert run_checks(layout, tuple(Kind)) == 1
    assert len(closed) == 1


def test_commands_choose_by_kind_and_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen: list[tuple[object, ...]] = []

    def run(layout: Layout, kinds: object, only: str) -> int:
        chosen.append((kinds, only))
        return 0

    monkeypatch.setattr(commands, "run_checks", run)

    assert main(["test"]) == main(["lint", "--only", "gps"]) == main(["audit"]) == 0
    assert main(["soak"]) == 0
    assert chosen == [
        (commands.TESTED, ""),
        ((Kind.LINT,), "gps"),
        ((Kind.AUDIT,), ""),
        ((Kind.SOAK,), ""),
    ]


def test_preparing_tells_each_step(
    layout: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools, setup = Preparation(layout).checks()

    assert tools.action(tmp_path / "tools.log").status is Status.PASSED
    assert "virtualenv delivery" in capsys.readouterr().out
    assert setup.needs == (tools.name,)


def test_the_suites_get_a_running_system(layout: Layout, tmp_path: Path) -> None:
    system = RunningSystem(layout)
    with pytest.raises(DevtoolsError, match="is not running"):
        system.gps_variables()
    try:
        outcome = system.start(tmp_path / "system.log")
        assert outcome.status is Status.PASSED, outcome.note
        odoo, gps = system.odoo_variables(), system.gps_variables()
    finally:
        system.close()

    assert odoo["STAGING_BASE_URL"] != gps["STAGING_BASE_URL"]
    assert odoo["ODOO_ADMIN_PASSWORD"]
    assert gps["GPS_ADMIN_TOKEN"]
    assert list(layout.run.glob("test-*")) == []


def test_a_system_that_does_not_start_says_why(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_HOME", str(tmp_path / "nowhere"))
    system = RunningSystem(layout)

    outcome = system.start(tmp_path / "system.log")
    system.close()

    assert outcome.status is Status.FAILED
    assert "nowhere" in (tmp_path / "system.log").read_text()


def test_every_lock_is_compiled_beside_its_source(
    make_repository: MakeRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(
        {"a/requirements.in": "flask\n", "b/requirements-data.in": "maps==1.0\n"}
    )
    venv = tmp_path / "tools"
    monkeypatch.setenv("TMS_VENV_DELIVERY", str(venv))
    write_program(
        venv / "bin" / "pip-compile",
        '#!/bin/sh\necho "$@" >requirements.txt\n',
    )
    archive = {"archive_info": {"hashes": {"sha256": "00"}}}
    package = {"metadata": {"name": "maps", "version": "1.0"}, "download_info": archive}
    answer = json.dumps({"install": [package]})
    write_program(venv / "bin" / "python", f"#!/bin/sh\necho '{answer}'\n")
    layout = Layout(repository.root, tmp_path / ".cache", tmp_path / ".run")

    compile_locks(layout, upgrade=True)

    words = (tmp_path / "a" / "requirements.txt").read_text().split()
    assert {"--generate-hashes", "--no-emit-index-url", "--upgrade"} <= set(words)
    assert words[-1] == "requirements.in"
    lock = (tmp_path / "b" / "requirements-data.txt").read_text()
    assert lock.startswith("maps==1.0 \\\n    --hash=sha256:00\n")
