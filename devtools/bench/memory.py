"""Memory that a process holds, looked at again and again while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_KIB_PER_MIB = 1024


def resident_mib(pid: int) -> float:
    """Resident set of a process without its children, MiB; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return 0.0


@dataclass
class Memory:
    """What a process held, and when.

    :param seconds: since the beginning, of each sample.
    :param mib: resident then.
    """

    seconds: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)

    @property
    def growth_mib(self) -> float:
        """How much more it held in the last fifth of the time than in the second.

        In the first fifth caches fill, and pools open what they then keep.
        """
        fifth = len(self.mib) // 5
        if not fifth:
            return 0.0
        return median(self.mib[-fifth:]) - median(self.mib[fifth : 2 * fifth])

    def look(self, pid: int, start: float) -> None:
        """Take a sample."""
        self.seconds.append(time.monotonic() - start)
        self.mib.append(resident_mib(pid))


@contextmanager
def watched(pid: int, every_s: float) -> Iterator[Memory]:
    """Look at the memory of a process until the end of the block."""
    memory, start, over = Memory(), time.monotonic(), threading.Event()

    def watch() -> None:
        memory.look(pid, start)
        while not over.wait(every_s):
            memory.look(pid, start)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()
