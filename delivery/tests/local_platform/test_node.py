"""The first process of the node, with real children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.platform import node
from delivery.platform.cluster import source_root
from delivery.platform.commands import wait_until
from delivery.platform.node import Daemon

SUPERVISE = """
import json, os, sys
from pathlib import Path
from delivery.platform import node
entries = json.loads(sys.argv[1])
node.RESTART_DELAY_S = 0.01
daemons = [node.Daemon(n, argv, Path(sys.argv[2]) / f"{n}.log") for n, argv in entries]
node.supervise(daemons, dict(os.environ))
"""


def test_writes_of_the_node_stay_off_the_host() -> None:
    assert node.private_mounts(Path("/p")) == [
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"],
        ["mount", "--bind", "/p/var-log", "/var/log"],
        ["mount", "--bind", "/p/var-lib-cni", "/var/lib/cni"],
    ]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of one daemon that ends by itself and one that stays."""
    short = ["sh", "-c", "echo ran"]
    entries = json.dumps([["short", short], ["long", ["sleep", "600"]]])
    environ = {**os.environ, "PYTHONPATH": str(source_root())}
    argv = [sys.executable, "-c", SUPERVISE, entries, str(tmp_path)]
    with subprocess.Popen(argv, env=environ) as process:
        yield process
        process.kill()


def test_a_daemon_that_ends_is_started_again(
    supervisor: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "short.log"
    wait_until(
        lambda: log.exists() and log.read_text().count("ran") >= 3,
        what="the third start",
        timeout_s=30,
    )
    assert supervisor.poll() is None


def test_it_ends_when_asked_to(
    supervisor: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "short.log"
    wait_until(lambda: log.exists(), what="the first start", timeout_s=30)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=30) == 0


def test_a_daemon_waits_before_it_is_started_again(tmp_path: Path) -> None:
    daemon = Daemon("true", ["true"], tmp_path / "log")
    daemon.start_if_due(0.0, dict(os.environ))
    assert daemon.process is not None
    daemon.process.wait()
    daemon.ended(100.0)
    daemon.start_if_due(100.5, {})
    assert daemon.process is None
    daemon.start_if_due(101.0, dict(os.environ))
    assert daemon.process is not None
    daemon.process.wait()


def test_orphans_are_collected_too(tmp_path: Path) -> None:
    daemon = Daemon("true", ["true"], tmp_path / "log")
    daemon.start_if_due(0.0, dict(os.environ))
    assert daemon.process is not None
    orphan = os.fork()
    if orphan == 0:
        os._exit(0)
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    os.waitid(os.P_PID, daemon.process.pid, os.WEXITED | os.WNOWAIT)
    held = daemon.process
    node.reap([daemon], time.monotonic())
    held.returncode = 0
    assert daemon.process is None
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan, 0)


def test_the_node_mounts_first_and_then_runs_its_daemons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = {
        "logs": str(tmp_path),
        "private": "/p",
        "search_path": "/node/bin",
        "daemons": [{"name": "etcd", "argv": ["etcd"]}],
    }
    path = tmp_path / "node.json"
    path.write_text(json.dumps(specification))
    done: list[object] = []
    monkeypatch.setattr(subprocess, "run", lambda argv, check: done.append(argv[-1]))
    monkeypatch.setattr(
        node,
        "supervise",
        lambda daemons, environ: done.append((daemons, environ["PATH"])),
    )
    assert node.main([str(path)]) == 0
    etcd = Daemon("etcd", ["etcd"], tmp_path / "node-etcd.log")
    assert done == ["/run", "/var/log", "/var/lib/cni", ([etcd], "/node/bin")]
