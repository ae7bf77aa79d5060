"""Background processes, real ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.platform.commands import wait_until
from delivery.platform.errors import PlatformError
from delivery.platform.processes import MARK, Processes, start_ticks


def test_a_started_process_runs_until_it_is_stopped(processes: Processes) -> None:
    started = processes.start("sleeper", ["sleep", "600"])
    assert processes.running("sleeper") == started
    assert processes.stop("sleeper") is True
    assert processes.running("sleeper") is None
    assert start_ticks(started.pid) is None


def test_starting_again_leaves_the_one_that_runs(processes: Processes) -> None:
    first = processes.start("sleeper", ["sleep", "600"])
    assert processes.start("sleeper", ["sleep", "600"]) == first


def test_one_that_ended_is_started_anew(processes: Processes) -> None:
    first = processes.start("sleeper", ["sleep", "600"])
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: not processes.running("sleeper"), what="its end", timeout_s=10)
    assert processes.start("sleeper", ["sleep", "600"]).pid != first.pid


def test_another_process_with_the_same_id_is_not_touched(processes: Processes) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        record = {"name": "ours", "pid": other.pid, "start_ticks": 1}
        processes.records.mkdir(parents=True)
        (processes.records / "ours.json").write_text(json.dumps(record))
        assert processes.running("ours") is None
        assert processes.stop("ours") is False
        assert other.poll() is None
        other.kill()


def test_one_that_ignores_the_request_is_killed(processes: Processes) -> None:
    program = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); signal.pause()"
    )
    started = processes.start("deaf", [sys.executable, "-c", program])
    wait_until(lambda: "deaf" in processes.tail("deaf"), what="it", timeout_s=30)
    assert processes.stop("deaf", grace_s=0.05) is True
    assert start_ticks(started.pid) is None


def test_stopping_what_never_ran_is_no_error(processes: Processes) -> None:
    assert processes.stop("nobody") is False


def test_everything_started_carries_the_mark(processes: Processes) -> None:
    started = processes.start("sleeper", ["sleep", "600"], env={"A": "b"})
    environ = Path(f"/proc/{started.pid}/environ")
    mark = f"{MARK}={processes.state}\0".encode()
    wait_until(lambda: mark in environ.read_bytes(), what="it", timeout_s=10)
    assert b"A=b\0" in environ.read_bytes()


def test_a_missing_program_is_named(processes: Processes) -> None:
    with pytest.raises(PlatformError, match="x: no-such-program is not there"):
        processes.start("x", ["no-such-program"])


def test_the_tail_is_on_one_line(processes: Processes) -> None:
    processes.start("talker", ["sh", "-c", "echo one; echo two"])
    wait_until(lambda: not processes.running("talker"), what="its end", timeout_s=10)
    assert processes.tail("talker") == "one | two"


@pytest.mark.parametrize("text", [None, ""])
def test_a_silent_process_says_so(processes: Processes, text: str | None) -> None:
    if text is not None:
        processes.logs.mkdir(parents=True)
        processes.log("silent").write_text(text)
    assert processes.tail("silent") == "it printed nothing"


def test_recorded_processes_are_listed(processes: Processes) -> None:
    processes.start("b", ["sleep", "600"])
    processes.start("a", ["sleep", "600"])
    assert processes.names() == ["a", "b"]
