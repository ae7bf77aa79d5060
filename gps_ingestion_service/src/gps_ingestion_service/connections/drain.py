"""How long a stop may take: one number of seconds, and a share of it for each part."""

import asyncio
import time
from collections.abc import Callable, Collection

# Until then senders are answered, the rows in hand committed, and all is closed: parts
# of the whole, from its beginning.
SENDERS = 0.6
COMMIT = 0.8
ALL = 1.0


class Drain:
    """The clock of a stop; it runs from :meth:`begin` on."""

    def __init__(
        self, total_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total_s = total_s
        self._clock = clock
        self._began: float | None = None

    def begin(self) -> float:
        """The stop was asked for: when; again is no other beginning."""
        if self._began is None:
            self._began = self._clock()
        return self._began

    def left_s(self, share: float) -> float:
        """Seconds until that share of the whole is over, never below zero."""
        return max(0.0, self.begin() + share * self.total_s - self._clock())


async def end_within(tasks: Collection[asyncio.Task[None]], patience_s: float) -> None:
    """Wait for the tasks that long, then cancel those that still run."""
    if not tasks:
        return
    _, slow = await asyncio.wait(tasks, timeout=patience_s)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
