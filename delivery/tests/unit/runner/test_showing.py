"""What a run looks like: lines while it runs, a picture when it is over."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta

import pytest

from delivery.runner.act_output import ActOutput
from delivery.runner.picture import STAGES, draw, duration
from delivery.runner.progress import Progress
from delivery.runner.results import Run

from .conftest import RECORDED


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (205.4, "3 min 25 s")],
)
def test_times_are_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_picture_has_every_stage_in_the_document_s_order(recorded: Run) -> None:
    lines = draw(recorded).splitlines()[2:]
    assert [line[2:34].strip() for line in lines] == list(STAGES)


def test_the_picture_of_a_rollback_has_its_own_stages(recorded: Run) -> None:
    run = dataclasses.replace(recorded, workflow="rollback.yml")
    lines = draw(run).splitlines()[2:]
    assert [line[2:34].strip() for line in lines] == [
        "Choose a released image",
        "Production Approval",
        "Deploy to Production",
    ]


def test_the_picture_says_which_stage_failed_and_where(recorded: Run) -> None:
    picture = draw(recorded)
    assert picture.startswith("pl-gps-001 FAILED in ")
    (line,) = (line for line in picture.splitlines() if "Package" in line)
    assert "failure" in line
    assert line.endswith("in Build Docker Image")


def test_the_picture_says_what_did_not_run_and_what_was_not_checked(
    recorded: Run,
) -> None:
    picture = draw(recorded)
    assert "Deploy to Production            not run\n" in picture + "\n"
    assert "dependencies NOT CHECKED, accepted for this run" in picture


def test_bars_show_when_a_stage_was_at_work(recorded: Run) -> None:
    first, rest = recorded.jobs[1], recorded.jobs[2:]
    middle = recorded.started + timedelta(seconds=recorded.seconds / 2)
    half = dataclasses.replace(first, started=recorded.started, ended=middle)
    run = dataclasses.replace(recorded, jobs=(half, *rest))
    line = next(line for line in draw(run).splitlines() if first.name in line)
    assert f"|{'#' * 15}{' ' * 15}|" in line


def test_a_run_that_passed_says_so(recorded: Run) -> None:
    jobs = tuple(job for job in recorded.jobs if job.passed)
    run = dataclasses.replace(recorded, jobs=jobs, status=0)
    assert draw(run).startswith("pl-gps-001 PASSED in ")


def test_each_step_is_a_line_with_its_time_under_its_job(recorded: Run) -> None:
    out = io.StringIO()
    progress = Progress(out)
    output = ActOutput(recorded.folder / "again", progress)
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        output.feed(line)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Plan"
    assert lines[3].endswith(" s  Plan the run")
    assert lines[4] == "Static Analysis & Code Quality"
    gate = next(i for i, line in enumerate(lines) if "Gate on the dep" in line)
    assert lines[gate + 1].strip().startswith("dependencies NOT CHECKED")


def test_a_failed_step_shows_the_end_of_its_log(recorded: Run) -> None:
    out = io.StringIO()
    job = recorded.failed_jobs[0]
    step = job.failed_step
    assert step is not None
    step.log.write_text("\n".join(f"line {number}" for number in range(100)))
    progress = Progress(out)
    progress.step_ended(job.name, step)
    progress.job_ended(job)
    shown = out.getvalue()
    assert "Build Docker Image  FAILED" in shown
    assert "line 74\n" not in shown
    assert "| line 75\n" in shown
    assert "| line 99\n" in shown
    assert f"failure, logs in {job.logs}" in shown
