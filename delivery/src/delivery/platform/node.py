"""The first process of the cluster's node: mounts, daemons, orphans.

It runs as process 1 of a process namespace, with mounts of its own, inside the
node's network namespace. When it ends, the kernel ends every process of the node
and drops every mount with it, so nothing of a cluster can be left behind.

    python -m delivery.platform.node SPECIFICATION

SPECIFICATION is JSON: {"logs", "private", "search_path", "daemons": [{"name",
"argv"}]}, where `private` is a folder for what the node would write into /var.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds before a daemon that ended is started again.
RESTART_DELAY_S = 1.0


def private_mounts(private: Path) -> list[list[str]]:
    """Return the mounts that keep the node's writes off the host.

    The kubelet logs to /var/log/pods and the network plugins remember results in
    /var/lib/cni, neither of which can be told otherwise; /run gets a file system
    of its own for sockets, pod network namespaces and the iptables lock.
    """
    mounts = [["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]]
    for place in ("/var/log", "/var/lib/cni"):
        own = private / place.lstrip("/").replace("/", "-")
        mounts.append(["mount", "--bind", str(own), place])
    return mounts


@dataclass
class Daemon:
    """A program that is started again whenever it ends."""

    name: str
    argv: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    not_before: float = 0.0

    def start_if_due(self, now: float, environ: dict[str, str]) -> None:
        """Start it when it does not run and its delay has passed."""
        if self.process is not None or now < self.not_before:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=environ,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_unblock_signals,
            )

    def ended(self, now: float) -> None:
        """Note that it ended; it is due again after the delay."""
        self.process = None
        self.not_before = now + RESTART_DELAY_S


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def reap(daemons: list[Daemon], now: float) -> None:
    """Collect every child that has ended, daemons and orphans alike."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for daemon in daemons:
            if daemon.process is not None and daemon.process.pid == pid:
                daemon.ended(now)


def supervise(daemons: list[Daemon], environ: dict[str, str]) -> None:
    """Keep the daemons running until SIGTERM."""
    signals = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    while True:
        for daemon in daemons:
            daemon.start_if_due(time.monotonic(), environ)
        received = signal.sigtimedwait(signals, RESTART_DELAY_S)
        if received is not None and received.si_signo == signal.SIGTERM:
            return
        reap(daemons, time.monotonic())


def main(argv: list[str]) -> int:
    """Set the node up and look after it; ends on SIGTERM."""
    specification: dict[str, Any] = json.loads(Path(argv[0]).read_text("utf-8"))
    for mount in private_mounts(Path(specification["private"])):
        subprocess.run(mount, check=True)
    logs = Path(specification["logs"])
    daemons = [
        Daemon(entry["name"], entry["argv"], logs / f"node-{entry['name']}.log")
        for entry in specification["daemons"]
    ]
    supervise(daemons, {**os.environ, "PATH": specification["search_path"]})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
