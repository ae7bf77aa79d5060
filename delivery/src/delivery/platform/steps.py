"""Progress and time per step, as lines on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Steps:
    """Prints what is being done, and what took how long.

    `taken` keeps (step, seconds) in the order the steps ended.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    clock: Callable[[], float] = time.monotonic
    taken: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and print its time when it ends well."""
        print(f"... {title}", file=self.out, flush=True)
        start = self.clock()
        yield
        seconds = self.clock() - start
        self.taken.append((title, seconds))
        print(f"{seconds:6.1f} s  {title}", file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Print a line that is worth knowing and takes no time."""
        print(f"          {text}", file=self.out, flush=True)

    @property
    def total_s(self) -> float:
        """Seconds of all steps that ended."""
        return sum(seconds for _, seconds in self.taken)
