"""Jobs and steps out of what act prints, on a recorded run."""

from __future__ import annotations

import json
from pathlib import Path

from delivery.runner.act_output import ActOutput
from delivery.runner.results import Conclusion, Run

from .conftest import RECORDED, Heard, Ticks


def test_jobs_come_in_the_order_in_which_they_started(recorded: Run) -> None:
    assert [(job.name, job.conclusion.value) for job in recorded.jobs] == [
        ("Plan", "success"),
        ("Static Analysis & Code Quality", "success"),
        ("Package & Scan Artifact", "failure"),
        ("Integration Test", "success"),
    ]


def test_a_job_knows_its_key_and_who_called_it(recorded: Run) -> None:
    job = recorded.job("Package & Scan Artifact")
    assert job is not None
    assert job.id == "package"
    assert job.called_by == ("Package", "Package and scan an image")


def test_a_step_of_a_composite_action_is_no_step_of_the_job(recorded: Run) -> None:
    plan = recorded.jobs[0]
    assert [step.name for step in plan.steps] == [
        "Checkout Code",
        "Set up the pipeline's tools",
        "Plan the run",
    ]


def test_a_failed_job_names_the_step_that_failed(recorded: Run) -> None:
    (job,) = recorded.failed_jobs
    assert job.failed_step is not None
    assert job.failed_step.name == "Build Docker Image"
    assert "buildx component is missing" in job.failed_step.log.read_text()
    assert not recorded.passed


def test_a_step_that_may_fail_is_not_what_ended_the_job(
    tmp_path: Path, heard: Heard
) -> None:
    output = ActOutput(tmp_path / "logs", heard, Ticks())
    scan = {"job": "Static", "stage": "Main", "step": "Scan", "stepID": ["7"]}
    gate = {"job": "Static", "stage": "Main", "step": "Gate", "stepID": ["gate"]}
    for entry in (
        {**scan, "msg": "Run Main Scan"},
        {**scan, "msg": "Failed but continue next step"},
        {**scan, "msg": "Failure - Main Scan", "stepResult": "failure"},
        {**gate, "msg": "Run Main Gate"},
        {**gate, "msg": "Failure - Main Gate", "stepResult": "failure"},
        {"job": "Static", "jobResult": "failure", "msg": "Job failed"},
    ):
        output.feed(json.dumps(entry))
    (job,) = output.finish()
    assert [step.tolerated for step in job.steps] == [True, False]
    assert job.failed_step == job.steps[1]


def test_outputs_and_warnings_are_kept_with_their_step(recorded: Run) -> None:
    plan, static = recorded.jobs[:2]
    assert json.loads(plan.steps[-1].outputs["plan"])["release"] is True
    gate = static.steps[-1]
    assert gate.outputs == {"unchecked": "dependencies"}
    assert gate.warnings == ["dependencies NOT CHECKED, accepted for this run"]
    assert static.failed_step is None


def test_every_step_has_a_log_of_what_it_printed(recorded: Run) -> None:
    plan = recorded.jobs[0]
    assert (
        plan.steps[2].log.read_text() == "main: all files since the last deployment\n"
    )
    assert plan.steps[0].log.read_text() == ""
    assert plan.logs.name == "01-plan"


def test_times_are_those_of_the_listener_s_clock(recorded: Run, heard: Heard) -> None:
    job = recorded.jobs[0]
    assert job.started < job.steps[0].started < job.steps[0].ended < job.ended
    assert job.steps[0].seconds == 1.0
    assert heard.started[0] == ("Plan", "Checkout Code")
    assert heard.steps[0] == ("Plan", job.steps[0])
    assert tuple(heard.jobs) == recorded.jobs


def test_a_secret_that_a_step_sets_reaches_no_log(recorded: Run) -> None:
    assert "the-staging-token" in RECORDED.read_text()
    for log in recorded.folder.rglob("*.log"):
        assert "the-staging-token" not in log.read_text()


def test_what_has_no_end_was_cancelled(tmp_path: Path, heard: Heard) -> None:
    output = ActOutput(tmp_path / "logs", heard, Ticks())
    lines = RECORDED.read_text().splitlines()
    for line in lines[:6]:
        output.feed(line)
    (job,) = output.finish()
    assert job.conclusion is Conclusion.CANCELLED
    assert [step.conclusion.value for step in job.steps] == ["success", "cancelled"]


def test_what_a_step_printed_last_can_come_after_its_end(
    tmp_path: Path, heard: Heard
) -> None:
    output = ActOutput(tmp_path / "logs", heard, Ticks())
    step = {"job": "Greet", "stage": "Main", "step": "Say", "stepID": ["0"]}
    late = {"command": "error", "arg": "a bad mood", "raw": "::error::a bad mood\n"}
    for more in ({}, {"stepResult": "failure"}, late):
        output.feed(json.dumps({**step, **more}))
    ((said,),) = (job.steps for job in output.finish())
    assert said.errors == ["a bad mood"]
    assert said.log.read_text() == "::error::a bad mood\n"


def test_what_a_step_printed_last_can_come_after_the_end_of_its_job(
    tmp_path: Path, heard: Heard
) -> None:
    output = ActOutput(tmp_path / "logs", heard, Ticks())
    step = {"job": "Greet", "stage": "Main", "step": "Say", "stepID": ["0"]}
    late = {"command": "error", "arg": "a bad mood", "raw": "::error::a bad mood\n"}
    unknown = {**step, "stepID": ["1"], **late}
    for entry in (
        step,
        {**step, "stepResult": "failure"},
        {"job": "Greet", "jobResult": "failure"},
        {**step, **late},
        unknown,
    ):
        output.feed(json.dumps(entry))
    ((said,),) = (job.steps for job in output.finish())
    assert said.errors == ["a bad mood"]


def test_other_lines_are_passed_over(tmp_path: Path, heard: Heard) -> None:
    output = ActOutput(tmp_path / "logs", heard)
    for line in ("not JSON", "[]", '{"level": "info", "msg": "starting"}'):
        output.feed(line)
    assert output.finish() == ()


def test_what_comes_after_a_job_s_end_is_passed_over(
    recorded: Run, tmp_path: Path, heard: Heard
) -> None:
    output = ActOutput(tmp_path / "more", heard, Ticks())
    lines = [line for line in RECORDED.read_text().splitlines() if "plan.yml" or line]
    for line in (*lines, lines[0]):
        output.feed(line)
    assert len(output.finish()) == len(recorded.jobs)
