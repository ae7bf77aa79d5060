"""Lines that tell what a run is at, one as each step ends."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TextIO

from delivery.runner.picture import duration
from delivery.runner.results import Conclusion, Job, Step

#: Lines of a failed step's log that are shown.
TAIL = 25
_WORDS = {
    Conclusion.SUCCESS: "",
    Conclusion.FAILURE: "FAILED",
    Conclusion.CANCELLED: "ended early",
}


class Progress:
    """Writes to ``out`` as a run goes on."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._job = ""

    def step_started(self, job: str, step: str) -> None:
        """Say nothing: a step's line comes with its time."""

    def step_ended(self, job: str, step: Step) -> None:
        """Show the step's time, and what it said when it went wrong."""
        if job != self._job:
            self._say(job)
            self._job = job
        word = _WORDS[step.conclusion]
        self._say(f"  {duration(step.seconds):>12}  {step.name}  {word}".rstrip())
        for line in (*step.warnings, *step.errors):
            self._say(f"{'':16}{line}")
        if not step.passed:
            for line in tail(step.log, TAIL):
                self._say(f"{'':14}| {line}")

    def job_ended(self, job: Job) -> None:
        """Show a job that did not end well, and where its logs are."""
        if not job.passed:
            self._say(f"{job.name}: {job.conclusion.value}, logs in {job.logs}")

    def _say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip() for line in deque(file, count)]
