"""``run``, ``stop``, ``status`` and ``reset``, on real processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devtools import run_commands
from devtools.cli import main
from devtools.errors import DevtoolsError
from devtools.instance import Instance
from devtools.layout import Layout
from devtools.ports import LOOPBACK, Ports
from devtools.processes import identify
from devtools.services import NAMES
from devtools.supervisor import Supervisor


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
    # Once when it started, for the second `run`, and for `status`.
    for line in (
        f"Live map      {dev.urls.odoo}/odoo/live-map",
        f"Odoo          {dev.urls.odoo}",
        f"GPS service   {dev.urls.gps}",
        f"trackers      127.0.0.1:{dev.ports.teltonika} (Teltonika)",
        f"              127.0.0.1:{dev.ports.gt06} (GT06)",
        f"PostgreSQL    127.0.0.1:{dev.ports.postgres}",
    ):
        assert said.count(f"  {line}\n") == 3
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


@pytest.mark.parametrize("service", Ports.VARIABLES)
def test_a_busy_port_is_told_before_anything_is_done(
    dev: Instance, capsys: pytest.CaptureFixture[str], service: str
) -> None:
    with socket.create_server((LOOPBACK, getattr(dev.ports, service))):
        assert main(["run"]) == 1
    captured = capsys.readouterr()
    assert f"{Ports.VARIABLES[service]}=NUMBER" in captured.err
    assert captured.out == ""
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
    (dev.layout.run / ".new-dev").mkdir()  # of a creation that was killed
    assert main(["reset"]) == 0
    assert not dev.folder.exists()
    assert not (dev.layout.run / ".new-dev").exists()


# -- while it is set up ----------------------------------------------------------------

SETTING_UP = """
import pathlib, signal, sys
from devtools.run_lock import RunLock

def finish(number, frame):
    pathlib.Path(sys.argv[2]).touch()
    raise SystemExit

signal.signal(signal.SIGTERM, finish)
lock = RunLock(pathlib.Path(sys.argv[1]))
assert lock.take()
print("taken", flush=True)
signal.pause()
"""


@pytest.fixture
def setting_up(dev: Instance, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has begun to `run`, and has no instance yet.

    It leaves the file ``cleaned-up`` when it is told to end.
    """
    lock = dev.layout.run / "dev.lock"
    command = [sys.executable, "-c", SETTING_UP, str(lock), f"{tmp_path}/cleaned-up"]
    here = Path(run_commands.__file__).parent.parent
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=here
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def test_a_second_run_is_told_in_one_line(
    setting_up: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"error: another `make run` (pid {setting_up.pid}) is setting up: "
        "wait for it, or end it with `make stop`\n"
    )
    assert main(["status"]) == 0
    told = f"`make run` (pid {setting_up.pid}) is setting up\n"
    assert capsys.readouterr().out == told


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("stop", "stopped\n"),
        ("reset", "deleted; `make run` makes a new one with fresh demo data\n"),
    ],
)
def test_stop_and_reset_end_what_is_setting_up(
    setting_up: subprocess.Popen[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    told: str,
) -> None:
    assert main([command]) == 0
    assert capsys.readouterr().out == told
    assert (tmp_path / "cleaned-up").exists()
    assert identify(setting_up.pid) is None


def test_a_run_that_is_interrupted_before_there_is_data_promises_none(
    dev: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*settings: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("devtools.instance.create_instance", press)
    assert main(["run"]) == 0
    assert "stopped; `make run` begins anew\n" in capsys.readouterr().out
    assert not dev.exists


def test_a_run_that_was_killed_holds_nothing_up(
    setting_up: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting_up.kill()
    assert setting_up.wait(10) == -signal.SIGKILL
    assert run_until_started(monkeypatch) == 0


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
