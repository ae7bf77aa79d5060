"""The stages of a run as text: outcome, time, and when in the run they were at work."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.runner.results import Job, Run

#: Names and order of the pipelines' document.
STAGES = (
    "Static Analysis & Code Quality",
    "Unit Test & Coverage",
    "Package & Scan Artifact",
    "Deploy to Staging",
    "Integration Test",
    "Production Approval",
    "Deploy to Production",
)
#: What a rollback has of them, and in front the job that chooses the image.
ROLLBACK_STAGES = ("Choose a released image", *STAGES[-2:])
ROLLBACK = "rollback.yml"
BAR = 30
_WIDTH = max(len(stage) for stage in STAGES)


def duration(seconds: float) -> str:
    """``seconds`` for people: 4.2 s, 3 min 25 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def draw(run: Run) -> str:
    """The picture of a pipeline's run."""
    stages = ROLLBACK_STAGES if run.workflow == ROLLBACK else STAGES
    return "\n".join((_title(run), "", *(_stage(run, name) for name in stages), ""))


def last_stage(run: Run) -> str:
    """The last stage of the pipelines' document that ran; empty: none did."""
    return next((name for name in reversed(STAGES) if run.job(name)), "")


def _title(run: Run) -> str:
    outcome = "PASSED" if run.passed else "FAILED"
    name = run.workflow.removesuffix(".yml")
    about = f"{run.event} on {run.ref}, commit {run.commit[:12]}, run {run.id}"
    return f"{name} {outcome} in {duration(run.seconds)}: {about}"


def _stage(run: Run, name: str) -> str:
    job = run.job(name)
    if job is None:
        return f"  {name:{_WIDTH}}  not run"
    line = f"  {name:{_WIDTH}}  {_outcome(job):9}  {duration(job.seconds):>12}"
    return f"{line}  |{_bar(run, job)}|  {'; '.join(_remarks(job))}".rstrip()


def _outcome(job: Job) -> str:
    return "passed" if job.passed else job.conclusion.value


def _bar(run: Run, job: Job) -> str:
    scale = BAR / max(run.seconds, 0.001)
    start = int((job.started - run.started).total_seconds() * scale)
    length = max(1, round(job.seconds * scale))
    return f"{' ' * min(start, BAR - 1)}{'#' * length}"[:BAR].ljust(BAR)


def _remarks(job: Job) -> Iterator[str]:
    if job.failed_step is not None:
        yield f"in {job.failed_step.name}"
    for step in job.steps:
        for line in step.warnings:
            if "NOT CHECKED" in line:
                yield line
