"""Background processes that outlive the command which started them.

A process is known by its id and its start time together: an id alone may belong
to somebody else by the time it is stopped.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from delivery.platform.errors import PlatformError

#: Present in the environment of everything that the platform starts.
MARK = "TMS_PLATFORM_STATE"


@dataclass(frozen=True)
class Started:
    """A process of ours: `start_ticks` are clock ticks since boot (proc(5))."""

    name: str
    pid: int
    start_ticks: int


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses and may itself hold spaces.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Processes:
    """The background processes recorded in one folder, one file each."""

    def __init__(self, state: Path, logs: Path) -> None:
        """Keep records in `state`/processes and output in `logs`."""
        self.state = state
        self.records = state / "processes"
        self.logs = logs
        # Held so that children of this very command are collected when they end.
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        """Return the file that holds what the process prints."""
        return self.logs / f"{name}.log"

    def running(self, name: str) -> Started | None:
        """Return the recorded process when it is still alive."""
        record = self.records / f"{name}.json"
        if not record.exists():
            return None
        started = Started(**json.loads(record.read_text(encoding="utf-8")))
        self._collect(name)
        alive = start_ticks(started.pid) == started.start_ticks
        return started if alive else None

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
    ) -> Started:
        """Start a program in a session of its own, or return the one that runs."""
        already = self.running(name)
        if already:
            return already
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        marked = {**os.environ, **(env or {}), MARK: str(self.state)}
        try:
            with self.log(name).open("wb") as log:
                process = subprocess.Popen(
                    [str(word) for word in argv],
                    env=marked,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            raise PlatformError(f"{name}: {error.filename} is not there") from error
        self._children[name] = process
        ticks = start_ticks(process.pid)
        started = Started(name, process.pid, ticks or 0)
        record = self.records / f"{name}.json"
        record.write_text(json.dumps(asdict(started)), encoding="utf-8")
        return started

    def stop(self, name: str, grace_s: float = 10) -> bool:
        """Ask a recorded process to end, insist after `grace_s`; False when none ran.

        Raises PlatformError when it is still there after that.
        """
        started = self.running(name)
        if started:
            for sign, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
                if _end(started, sign, wait_s):
                    break
            else:
                raise PlatformError(f"{name} (process {started.pid}) does not end")
            self._collect(name)
        (self.records / f"{name}.json").unlink(missing_ok=True)
        return started is not None

    def names(self) -> list[str]:
        """Return the names of the recorded processes, alive or not."""
        return sorted(path.stem for path in self.records.glob("*.json"))

    def tail(self, name: str, lines: int = 3) -> str:
        """Return the last lines that a process printed, on one line."""
        path = self.log(name)
        if not path.exists():
            return "it printed nothing"
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(text[-lines:]) or "it printed nothing"

    def _collect(self, name: str) -> None:
        child = self._children.get(name)
        if child is not None and child.poll() is not None:
            del self._children[name]


def _end(started: Started, sign: signal.Signals, wait_s: float) -> bool:
    try:
        handle = os.pidfd_open(started.pid)
    except ProcessLookupError:
        return True
    try:
        # Checked after the handle is open: the id can no longer change hands.
        if start_ticks(started.pid) != started.start_ticks:
            return True
        signal.pidfd_send_signal(handle, sign)
        readable, _, _ = select.select([handle], [], [], wait_s)
        return bool(readable)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
