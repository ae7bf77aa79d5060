"""Steps that depend on one another, done side by side, each shown with its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TextIO

from devtools.commands import running

Report = Callable[[str], None]
HEARTBEAT_S = 15.0


@dataclass(frozen=True)
class Step:
    """One piece of work.

    :param action: does it, reporting what it is at, and answers whether there was
        anything to do.
    :param needs: names of the steps that come before it.
    """

    name: str
    action: Callable[[Report], bool]
    needs: tuple[str, ...] = ()


class Progress:
    """Lines that tell what is being done, from several threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Show one line at once."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()


def run_steps(steps: Sequence[Step], progress: Progress, workers: int = 3) -> None:
    """Do all steps, as many at once as the order and ``workers`` permit.

    The first failure lets the running steps end, starts no further one, and is raised.
    """
    runner = _Runner(steps, progress)
    with ThreadPoolExecutor(workers) as pool:
        try:
            runner.run(pool)
        except KeyboardInterrupt:
            # The pool waits for its threads, and those for what they run.
            runner.interrupted = True
            pool.shutdown(wait=False, cancel_futures=True)
            running.end_all()
            raise


class _Runner:
    def __init__(self, steps: Sequence[Step], progress: Progress) -> None:
        self._steps = {step.name: step for step in steps}
        self._progress = progress
        self._width = max(len(name) for name in self._steps)
        self._count = 0
        self.interrupted = False
        self._failed = False
        self._doing: dict[str, tuple[float, str]] = {}

    def run(self, pool: ThreadPoolExecutor) -> None:
        order = TopologicalSorter({s.name: s.needs for s in self._steps.values()})
        order.prepare()
        futures: dict[Future[None], str] = {}
        failure: BaseException | None = None
        while futures or (order.is_active() and failure is None):
            if failure is None:
                for name in order.get_ready():
                    futures[pool.submit(self._do, self._steps[name])] = name
            done, _ = wait(futures, HEARTBEAT_S, return_when=FIRST_COMPLETED)
            if not done:
                self._heartbeat()
            for future in done:
                name = futures.pop(future)
                error = future.exception()
                if error is None:
                    order.done(name)
                elif failure is None and not isinstance(error, CancelledError):
                    failure = error
                    for waiting in list(futures):
                        if waiting.cancel():
                            futures.pop(waiting)
        if failure is not None:
            raise failure

    def _do(self, step: Step) -> None:
        # The worker that a failure has freed may take the next step before the main
        # thread has looked at the failure.
        if self._failed:
            raise CancelledError
        start = time.monotonic()
        self._doing[step.name] = (start, "")

        def report(text: str) -> None:
            self._doing[step.name] = (start, text)
            self._progress.line(f"        {step.name:{self._width}}  {text}")

        try:
            worked = step.action(report)
        except BaseException:
            self._failed = True
            word = "ended" if self.interrupted else "FAILED"
            self._finish(step, word, start)
            raise
        self._finish(step, "done" if worked else "ready", start)

    def _finish(self, step: Step, word: str, start: float) -> None:
        del self._doing[step.name]
        self._count += 1
        number = f"[{self._count}/{len(self._steps)}]"
        passed = time.monotonic() - start
        name = f"{step.name:{self._width}}"
        self._progress.line(f"{number:>7} {name}  {word:6} {passed:6.1f} s")

    def _heartbeat(self) -> None:
        for name, (start, text) in list(self._doing.items()):
            passed = time.monotonic() - start
            padded = f"{name:{self._width}}"
            self._progress.line(
                f"        {padded}  {text or 'working'} ({passed:.0f} s)"
            )
