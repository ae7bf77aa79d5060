"""Processes are known by pid and start time, ports by their holder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.ports import LOOPBACK, Ports, find_holder, is_busy
from devtools.processes import identify, last_lines, spawn
from devtools.services import ProgramService
from devtools.waiting import wait_until

WAIT = [sys.executable, "-c", "import signal; signal.pause()"]
DEAF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); signal.pause()",
]


def test_this_process_is_alive_and_another_of_its_number_is_not() -> None:
    this = identify(os.getpid())
    assert this is not None and this.alive
    assert not replace(this, started=this.started + 1).alive
    assert not replace(this, boot="an earlier one").alive


def test_an_ended_child_is_gone_at_once(tmp_path: Path) -> None:
    process = spawn(WAIT, log=tmp_path / "log", env=os.environ, cwd=tmp_path)
    assert process.alive
    assert process.end()
    assert not process.alive
    assert identify(process.pid) is None
    assert process.end()


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = spawn(DEAF, log=log, env=os.environ, cwd=tmp_path)
    wait_until(lambda: last_lines(log), what="the process", timeout_s=20)
    assert not process.end(signal.SIGTERM, timeout_s=0.1)
    assert not process.alive


def test_a_zombie_of_another_parent_counts_as_gone(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0)\n"
        "os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)\n"
        "print(child, flush=True); signal.pause()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert identify(int(parent.stdout.readline())) is None
        parent.kill()


def test_last_lines_of_a_missing_log_are_none(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "nothing") == ()


def test_a_busy_port_has_a_holder() -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port = listener.getsockname()[1]
        assert find_holder(port) is None
        listener.listen()
        assert is_busy(port)
        assert f"pid {os.getpid()} (" in str(find_holder(port))
        with pytest.raises(
            DevtoolsError, match=f"port {port} for odoo .*TMS_ODOO_PORT"
        ):
            Ports(odoo=port).require_free("odoo")
    assert not is_busy(port)
    Ports(odoo=port).require_free("odoo")


def test_ports_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMS_PG_PORT", "6000")
    monkeypatch.delenv("TMS_ODOO_PORT", raising=False)
    monkeypatch.setenv("TMS_GPS_PORT", "6001")
    monkeypatch.setenv("TMS_TELTONIKA_PORT", "6002")
    assert Ports.from_environment() == Ports(
        postgres=6000, odoo=8069, gps=6001, teltonika=6002, gt06=5023
    )
    monkeypatch.setenv("TMS_GPS_PORT", "6000")
    with pytest.raises(DevtoolsError, match="two services have the same port"):
        Ports.from_environment()


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMS_PG_PORT", text)
    with pytest.raises(DevtoolsError, match="is no port: give 1 to 65535"):
        Ports.from_environment()


def test_free_ports_differ() -> None:
    ports = Ports.free()
    assert len({ports.postgres, ports.odoo, ports.gps}) == 3


def test_a_program_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    service = ProgramService(
        name="gps",
        argv=WAIT,
        environment=os.environ,
        cwd=tmp_path,
        log=tmp_path / "gps.log",
        probe_ready=lambda: False,
        probe_healthy=lambda: False,
        start_timeout_s=0.1,
    )
    process = service.launch()
    with pytest.raises(DevtoolsError, match=r"gave up waiting for gps \(0.1 s\): see"):
        service.wait_ready(process)
    process.end()
