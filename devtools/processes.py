"""Processes that outlive the command that started them, known by pid and start time.

A pid alone is not an identity: it is reused, and a state file survives a reboot.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Field numbers of /proc/PID/stat counted behind the command name, see proc(5).
_STATE, _START_TIME = 0, 19


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, and no other that gets its number later.

    :param started: clock ticks since boot at which it started, from ``/proc``.
    :param boot: id of the boot that those ticks count from.
    """

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return identify(self.pid) == self

    def send(self, number: int) -> None:
        """Send a signal, unless the process is gone."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 20.0) -> bool:
        """Ask the process to end, kill it after ``timeout_s``, wait until it is gone.

        :returns: whether it ended without being killed.
        """
        self.send(number)
        if self.gone_within(timeout_s):
            return True
        self.send(signal.SIGKILL)
        self.gone_within(10.0)
        return False

    def gone_within(self, timeout_s: float) -> bool:
        """Wait at most ``timeout_s`` seconds for the end of the process."""
        deadline = time.monotonic() + timeout_s
        while self.alive:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True


@lru_cache(maxsize=1)
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> ProcessIdentity | None:
    """Identity of the running process with this pid, None where there is none."""
    reap(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE] in ("Z", "X"):
        return None
    return ProcessIdentity(pid, int(fields[_START_TIME]), _boot_id())


def reap(pid: int) -> None:
    """Collect the exit status if the process is an ended child of this one."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, ProcessLookupError):
        pass


def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
) -> ProcessIdentity:
    """Start a process of its own session, its output appended to ``log``.

    The session of its own keeps a Ctrl-C in the terminal away from it: what ends in
    which order is decided by whoever started it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [os.fspath(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    identity = identify(process.pid)
    # The child is followed through /proc and reaped there; Popen need not warn.
    process.returncode = 0
    return identity or ProcessIdentity(process.pid, -1, _boot_id())


def last_lines(log: Path, count: int = 20) -> tuple[str, ...]:
    """The end of a log file, empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(lines[-count:])
