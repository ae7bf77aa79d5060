"""Commands, run as a pipeline step would run them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from devtools.checks import execution
from devtools.checks.check import Status
from devtools.checks.execution import TIMED_OUT, Command, verdict
from devtools.commands import RunningPrograms
from devtools.tests.conftest import write_program
from devtools.waiting import wait_until


def command(tmp_path: Path, *argv: str, timeout_s: float = 60) -> Command:
    return Command(argv, tmp_path, tmp_path / "venv", {"COLOUR": "red"}, timeout_s)


def test_programs_of_the_virtualenv_come_first(tmp_path: Path) -> None:
    write_program(tmp_path / "venv" / "bin" / "true", "#!/bin/sh\necho mine $COLOUR\n")
    log = tmp_path / "check.log"

    assert command(tmp_path, "true").execute(log) == 0
    assert log.read_text() == "$ true\nmine red\n"


def test_an_exit_status_is_a_failure_that_is_named(tmp_path: Path) -> None:
    outcome = command(tmp_path, "sh", "-c", "exit 3").check(tmp_path / "check.log")

    assert (outcome.status, outcome.note) == (Status.FAILED, "exit status 3")


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    log = tmp_path / "check.log"
    script = "import subprocess; subprocess.run(['sleep', '1000'])"

    hanging = command(tmp_path, sys.executable, "-c", script, timeout_s=0.3)

    assert hanging.execute(log) == TIMED_OUT
    assert "ended after 0.3 s" in log.read_text()
    assert verdict(TIMED_OUT).note == "took too long"


def test_success_is_passed(tmp_path: Path) -> None:
    assert command(tmp_path, "true").check(tmp_path / "a.log").status is Status.PASSED


def test_an_interrupted_command_can_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = RunningPrograms()
    monkeypatch.setattr(execution, "running", programs)
    log = tmp_path / "check.log"
    script = (
        "import signal, time\n"
        "try:\n    print('started', flush=True)\n    time.sleep(1000)\n"
        "except KeyboardInterrupt:\n    print('cleaned up')\n"
    )
    cleaning = command(tmp_path, sys.executable, "-c", script)
    thread = threading.Thread(target=cleaning.execute, args=(log,))
    thread.start()
    wait_until(
        lambda: log.is_file() and "\nstarted\n" in log.read_text(),
        what="the command",
        timeout_s=30,
        interval_s=0.02,
    )

    programs.end_all()
    thread.join(30)

    assert log.read_text().endswith("started\ncleaned up\n")
