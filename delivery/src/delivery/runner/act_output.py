"""Reads what ``act --json`` prints, line by line, while it runs.

act has no document for this format; it was recorded from version 0.2.89. A line belongs
to a job by ``job`` (names of the callers, then its own, separated by slashes) and to a
step by ``stepID``, whose first element is the step of the job and whose others are
steps of a composite action. Its times have whole seconds, so ours are taken here.

A step's outputs follow the line that says how it ended, and so can the last lines that
it printed.

act masks a secret in what steps print, but names it in the entries that set it: those
entries are used and never kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from delivery.runner.results import Conclusion, Job, Step

#: Said of a step with ``continue-on-error``, before its failure.
CONTINUES = "Failed but continue next step"
Entry = dict[str, Any]
Clock = Callable[[], datetime]


class Listener(Protocol):
    """Hears of jobs and steps as they start and end."""

    def step_started(self, job: str, step: str) -> None:
        """``step`` of ``job`` is at work."""
        ...

    def step_ended(self, job: str, step: Step) -> None:
        """``step`` of ``job`` came to its end."""
        ...

    def job_ended(self, job: Job) -> None:
        """A job came to its end."""
        ...


@dataclass
class _OpenStep:
    name: str
    started: datetime
    log: Path
    outputs: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tolerated: bool = False

    def write(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(text)

    def close(self, conclusion: Conclusion, ended: datetime) -> Step:
        self.log.touch()
        return Step(
            self.name,
            conclusion,
            self.started,
            ended,
            self.log,
            # No copies: some of it comes after the end.
            self.outputs,
            self.errors,
            self.warnings,
            self.tolerated,
        )


@dataclass
class _OpenJob:
    path: tuple[str, ...]
    id: str
    started: datetime
    logs: Path
    open: dict[tuple[str, str], _OpenStep] = field(default_factory=dict)
    ended: dict[tuple[str, str], _OpenStep] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path[-1]

    def close(self, conclusion: Conclusion, ended: datetime) -> Job:
        for step in self.open.values():
            self.steps.append(step.close(Conclusion.CANCELLED, ended))
        self.open.clear()
        return Job(
            self.name,
            conclusion,
            self.started,
            ended,
            self.id,
            self.path[:-1],
            tuple(self.steps),
            self.logs,
        )


class ActOutput:
    """Turns act's lines into jobs and steps.

    :param logs: folder that gets one folder per job with one file per step.
    """

    def __init__(self, logs: Path, listener: Listener, clock: Clock | None = None):
        self._logs = logs
        self._listener = listener
        self._clock = clock or (lambda: datetime.now(UTC))
        self._jobs: dict[str, _OpenJob | Job] = {}
        self._steps_of_ended: dict[str, dict[tuple[str, str], _OpenStep]] = {}

    def feed(self, line: str) -> None:
        """Take one line; what is not act's JSON is passed over."""
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict) or "job" not in entry:
            return
        job = self._job(entry)
        if not isinstance(job, _OpenJob):
            self._late(entry)
        elif "jobResult" in entry:
            self._end(entry["job"], job, Conclusion(entry["jobResult"]))
        elif "stepID" in entry:
            self._step(job, entry)

    def finish(self) -> tuple[Job, ...]:
        """All jobs, in the order they started; what is still open was cancelled."""
        for key, job in self._jobs.items():
            if isinstance(job, _OpenJob):
                self._end(key, job, Conclusion.CANCELLED)
        return tuple(job for job in self._jobs.values() if isinstance(job, Job))

    def _job(self, entry: Entry) -> _OpenJob | Job:
        key = str(entry["job"])
        if key not in self._jobs:
            path = tuple(part.strip() for part in key.split("/"))
            folder = self._logs / f"{len(self._jobs) + 1:02}-{slug(path[-1])}"
            folder.mkdir(parents=True)
            started = self._clock()
            self._jobs[key] = _OpenJob(path, entry.get("jobID", ""), started, folder)
        return self._jobs[key]

    def _end(self, key: str, job: _OpenJob, conclusion: Conclusion) -> None:
        ended = job.close(conclusion, self._clock())
        self._jobs[key] = ended
        self._steps_of_ended[key] = job.ended
        self._listener.job_ended(ended)

    def _late(self, entry: Entry) -> None:
        """What a step printed may come after the end of its job."""
        if "stepID" in entry:
            key = (str(entry.get("stage", "")), str(entry["stepID"][0]))
            step = self._steps_of_ended[str(entry["job"])].get(key)
            if step:
                self._note(step, entry)

    def _step(self, job: _OpenJob, entry: Entry) -> None:
        key = (str(entry.get("stage", "")), str(entry["stepID"][0]))
        step = job.open.get(key) or job.ended.get(key)
        if step is None:
            step = self._start(job, key, str(entry["step"]))
        self._note(step, entry)
        if "stepResult" in entry and len(entry["stepID"]) == 1:
            job.ended[key] = job.open.pop(key)
            ended = step.close(Conclusion(entry["stepResult"]), self._clock())
            # What an action does after the job is nobody's step, unless it fails.
            if key[0] == "Main" or not ended.passed:
                job.steps.append(ended)
                self._listener.step_ended(job.name, ended)

    def _start(self, job: _OpenJob, key: tuple[str, str], name: str) -> _OpenStep:
        number = len(job.steps) + len(job.open) + 1
        stage = "" if key[0] == "Main" else f"{slug(key[0])}-"
        log = job.logs / f"{number:02}-{stage}{slug(name)}.log"
        job.open[key] = step = _OpenStep(name, self._clock(), log)
        if key[0] == "Main":
            self._listener.step_started(job.name, name)
        return step

    def _note(self, step: _OpenStep, entry: Entry) -> None:
        command = entry.get("command")
        if entry.get("msg") == CONTINUES:
            step.tolerated = True
        elif entry.get("raw_output"):
            step.write(str(entry["msg"]))
        elif command == "set-output" and len(entry["stepID"]) == 1:
            step.outputs[str(entry["name"])] = str(entry["arg"])
        elif command in ("error", "warning"):
            kept = step.errors if command == "error" else step.warnings
            kept.append(str(entry["arg"]))
            step.write(str(entry["raw"]))
        elif entry.get("level") == "error":
            step.write(f"{entry['msg']}\n")


def slug(name: str) -> str:
    """``name`` as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
