"""``run``, ``stop``, ``status`` and ``reset``, on real processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devtools import run_commands
from devtools.cli import main
from devtools.errors import DevtoolsError
from devtools.instance import Instance
from devtools.layout import Layout
from devtools.ports import LOOPBACK
from devtools.processes import identify
from devtools.services import NAMES
from devtools.supervisor import Supervisor
from devtools.waiting import wait_until

OPTIONS = Namespace(no_simulator=False, detach=False, ready_fd=None)


@pytest.fixture(autouse=True)
def signal_handlers() -> Iterator[None]:
    """Commands set handlers for the whole process; tests put them back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


@pytest.fixture
def dev(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    yield Instance("dev", layout=layout)
    # Whatever a failing test left.
    main(["reset"])


def interrupt_when(condition: threading.Event) -> None:
    """Press Ctrl-C once the condition is met."""

    def press() -> None:
        if condition.wait(120):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()


def run_until_started(
    monkeypatch: pytest.MonkeyPatch, during: list[object] | None = None
) -> int:
    """``run``, interrupted as soon as its supervisor has looked at all services."""
    looked = threading.Event()
    original = Supervisor.check

    def check(self: Supervisor) -> None:
        original(self)
        if during is not None and not looked.is_set():
            during.append(main(["run"]))
            during.append(main(["status"]))
        looked.set()

    monkeypatch.setattr(Supervisor, "check", check)
    interrupt_when(looked)
    return main(["run"])


def test_run_says_how_to_get_in_and_ctrl_c_ends_all(
    dev: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    during: list[object] = []
    assert run_until_started(monkeypatch, during) == 0
    assert during == [0, 0]
    said = capsys.readouterr().out
    assert f"Odoo          {dev.urls.odoo}" in said
    assert f"dispatcher  {dev.passwords['dispatcher']}" in said
    assert f"it is running already (pid {os.getpid()})" in said
    assert said.count("healthy") == len(NAMES)
    assert "stopped; `make run` starts it again with its data" in said
    assert not any(dev.is_running(name) for name in NAMES)


def test_a_detached_run_goes_on_until_stop(
    dev: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The background process finds its checkout by where the package lies.
    here = Path(run_commands.__file__).parent
    ignored = shutil.ignore_patterns("tests", "__pycache__", ".*_cache")
    shutil.copytree(here, dev.layout.root / "devtools", ignore=ignored)
    os.environ["TMS_CACHE_DIR"] = str(dev.layout.cache)
    try:
        assert main(["run", "--detach", "--no-simulator"]) == 0
    finally:
        del os.environ["TMS_CACHE_DIR"]
    assert "runs in the background" in capsys.readouterr().out
    state = dev.state
    assert state is not None and state.owner is not None and state.owner.alive
    assert [n for n in NAMES if dev.is_running(n)] == ["postgres", "gps", "odoo"]
    assert main(["stop"]) == 0
    assert not state.owner.alive
    assert not any(dev.is_running(name) for name in NAMES)
    assert main(["stop"]) == 0
    assert capsys.readouterr().out == "stopped\nnothing was running\n"


def test_a_detached_run_that_fails_shows_why(
    dev: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    # There is no package in this checkout that the background process could be.
    assert main(["run", "--detach"]) == 1
    said = capsys.readouterr().err
    assert "No module named devtools" in said
    assert "error: it did not start: see" in said


def test_what_a_killed_run_left_is_ended_first(
    dev: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.start()
    left = dev.process("odoo")
    state = dev.state
    assert left is not None and state is not None and state.owner is not None
    gone = replace(state.owner, started=1)
    replace(state, owner=gone).save(dev.folder / "state.json")
    assert run_until_started(monkeypatch) == 0
    assert not left.alive
    assert "an earlier run was killed; ending what it left" in capsys.readouterr().out


def test_a_busy_port_is_told_before_anything_is_done(
    dev: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, dev.ports.gps))
        listener.listen()
        assert main(["run"]) == 1
    assert "TMS_GPS_PORT=NUMBER" in capsys.readouterr().err
    assert not dev.exists


def test_status_and_reset_before_and_after_a_run(
    dev: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert "there is no instance yet" in capsys.readouterr().out
    dev.start()
    dev.stop()
    state = dev.state
    assert state is not None
    replace(state, data_from=state.data_from - 3 * 86400).save(
        dev.folder / "state.json"
    )
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert said.count(" down") == len(NAMES)
    assert "demo data is 3 days old; `make reset` makes it fresh" in said
    assert main(["reset"]) == 0
    assert not dev.folder.exists()


def test_stop_ends_the_process_that_watches(dev: Instance) -> None:
    dev.start()
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(command) as watcher:
        state = dev.state
        owner = wait_until(lambda: identify(watcher.pid), what="it", timeout_s=10)
        assert state is not None
        replace(state, owner=owner).save(dev.folder / "state.json")
        assert main(["stop"]) == 0
        assert not owner.alive
        watcher.returncode = 0
    assert not any(dev.is_running(name) for name in NAMES)


def test_a_start_that_fails_is_told_and_leaves_nothing_running(
    dev: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.start()
    dev.stop()
    (dev.folder / "broken-schema").touch()
    assert main(["run", "--no-simulator"]) == 1
    assert "schema of the GPS service" in capsys.readouterr().err
    with pytest.raises(DevtoolsError):
        dev.kill("postgres")
