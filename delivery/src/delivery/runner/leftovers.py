"""Ends what a run left behind: servers of a test that was interrupted, say.

Every step of a run has the run's id in its environment, and so has what it starts.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from delivery.platform.commands import wait_until
from delivery.platform.errors import PlatformError

#: The variable that names a run.
MARK = "GITHUB_RUN_ID"
GRACE_S = 10.0


def processes_of(run_id: str) -> list[int]:
    """Process ids of what belongs to the run and has not ended."""
    wanted = f"{MARK}={run_id}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            # It ended while we looked, or is not ours to read.
            continue
        if wanted in variables:
            found.append(int(folder.name))
    return found


def end(run_id: str) -> None:
    """End what is left of the run, first politely."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = processes_of(run_id)
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if not left:
            return
        try:
            wait_until(
                lambda: not processes_of(run_id),
                what="the end of the run's processes",
                timeout_s=GRACE_S,
            )
        except PlatformError:
            continue
