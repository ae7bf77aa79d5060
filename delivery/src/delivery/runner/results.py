"""What a run of a workflow came to: jobs, steps, times, logs."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


class Conclusion(enum.Enum):
    """How a job or step ended; one that was skipped is not in the result at all."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Timed:
    """Something with a name, an outcome, a beginning and an end (UTC)."""

    name: str
    conclusion: Conclusion
    started: datetime
    ended: datetime

    @property
    def passed(self) -> bool:
        """Whether it ended well."""
        return self.conclusion is Conclusion.SUCCESS

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds()


@dataclass(frozen=True)
class Step(Timed):
    """One step of a job.

    :param log: file with everything it printed.
    :param outputs: what it set as outputs.
    :param errors: its ``::error::`` lines.
    :param warnings: its ``::warning::`` lines.
    :param tolerated: it failed, and the job went on, by ``continue-on-error``.
    """

    log: Path
    outputs: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[str] = ()
    warnings: Sequence[str] = ()
    tolerated: bool = False


@dataclass(frozen=True)
class Job(Timed):
    """One job that ran.

    :param id: its key in the workflow file that holds it.
    :param called_by: names of the calling jobs and workflows, outermost first.
    :param steps: in the order in which they started.
    :param logs: folder of the steps' logs.
    """

    id: str
    called_by: tuple[str, ...]
    steps: tuple[Step, ...]
    logs: Path

    @property
    def failed_step(self) -> Step | None:
        """The step that ended the job, if one did."""
        if self.passed:
            return None
        failed = (step for step in self.steps if not step.passed)
        return next((step for step in failed if not step.tolerated), None)


@dataclass(frozen=True)
class Run:
    """One run of one workflow file.

    :param id: ``GITHUB_RUN_ID`` of the run.
    :param status: act's exit status.
    :param jobs: those that ran, in the order in which they started.
    :param folder: the run's folder: checkout, logs, approvals.
    """

    id: str
    workflow: str
    event: str
    ref: str
    commit: str
    status: int
    started: datetime
    ended: datetime
    jobs: tuple[Job, ...]
    folder: Path

    @property
    def passed(self) -> bool:
        """Whether act ended well and every job that ran did; one at least has to."""
        return self.status == 0 and bool(self.jobs) and all(j.passed for j in self.jobs)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.started).total_seconds()

    def job(self, name: str) -> Job | None:
        """The job with this name, None when it did not run."""
        return next((job for job in self.jobs if job.name == name), None)

    @property
    def failed_jobs(self) -> tuple[Job, ...]:
        """The jobs that did not end well."""
        return tuple(job for job in self.jobs if not job.passed)
