"""A workflow file run by act itself, in a repository made for it."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from delivery.runner import leftovers
from delivery.runner.act import Order, new_folder, run_workflow
from delivery.runner.errors import RunnerError
from delivery.runner.machine import Machine
from delivery.runner.source import check_out

from .conftest import Heard


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose platform offers a folder of programs and nothing else."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    environ["SECRET_OF_THE_SHELL"] = "leaked"
    return Machine(
        tmp_path / "cache", {"PATH": str(tmp_path / "bin")}, environ, tmp_path
    )


@pytest.fixture
def folder(machine: Machine) -> Path:
    """The folder of a run."""
    return new_folder(machine.runs)


@pytest.fixture
def source(repository: Path, folder: Path) -> Path:
    """A checkout of the repository's HEAD."""
    check_out(repository, "HEAD", folder / "source")
    return folder / "source"


def order(source: Path, mood: str = "good", **more: Any) -> Order:
    """An order for the workflow hello."""
    kept = {"MOOD": mood, "KEPT": str(source.parent)}
    return Order(source, "hello.yml", environment=kept, **more)


def gone(pid: int) -> bool:
    """Whether no process that still runs has this id."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_a_push_runs_with_its_ref_actor_variables_and_id(
    machine: Machine, source: Path, folder: Path, heard: Heard
) -> None:
    ordered = order(source, actor="alice", variables={"NAME": "World"})
    run = run_workflow(machine, ordered, folder, listener=heard)
    assert run.passed
    assert (run.id, run.event, run.status) == (folder.name, "push", 0)
    assert [job.name for job in run.jobs] == ["Greet", "After"]
    who = run.jobs[0].steps[1]
    assert who.outputs == {"name": "World"}
    expected = f"World on refs/heads/main by alice in {folder.name}\ngood nothing\n"
    assert who.log.read_text() == expected
    assert [step.name for job, step in heard.steps if job == "Greet"] == [
        "Checkout Code",
        "Say who",
        "Fail on request",
    ]


def test_a_dispatch_brings_its_inputs(
    machine: Machine, source: Path, folder: Path
) -> None:
    ordered = order(source, event="workflow_dispatch", inputs={"name": "Ann"})
    run = run_workflow(machine, ordered, folder)
    assert run.jobs[0].steps[1].outputs == {"name": "Ann"}


def test_a_step_that_fails_ends_the_run(
    machine: Machine, source: Path, folder: Path
) -> None:
    run = run_workflow(machine, order(source, "bad"), folder)
    assert not run.passed
    assert run.status != 0
    (job,) = run.jobs
    assert job.failed_step is not None
    assert job.failed_step.name == "Fail on request"
    assert job.failed_step.errors == ["a bad mood"]


def test_nothing_that_a_step_started_stays_behind(
    machine: Machine, source: Path, folder: Path
) -> None:
    run_workflow(machine, order(source), folder)
    assert gone(int((folder / "pid").read_text()))
    assert leftovers.processes_of(folder.name) == []
    assert not (folder / "work").exists()


def test_a_run_waits_for_another_of_its_group(
    machine: Machine, source: Path, folder: Path, heard: Heard
) -> None:
    ordered = order(source, group="gps-ingestion-service")
    run = Thread(target=run_workflow, args=(machine, ordered, folder, None, heard))
    with (machine.locks / "run-gps-ingestion-service.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run.start()
        run.join(0.5)
        assert run.is_alive()
        assert heard.started == []
    run.join()
    assert [job.name for job in heard.jobs] == ["Greet", "After"]


class InterruptAtTheWait(Heard):
    """Sends this process what Ctrl-C sends, once the long step is at work."""

    def step_started(self, job: str, step: str) -> None:
        if step == "Wait long on request":
            signal.raise_signal(signal.SIGINT)


def test_an_interruption_ends_what_the_run_started(
    machine: Machine, source: Path, folder: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_workflow(
            machine, order(source, "slow"), folder, listener=InterruptAtTheWait()
        )
    assert gone(int((folder / "pid").read_text()))
    assert leftovers.processes_of(folder.name) == []


def test_a_file_that_act_cannot_run_is_an_error_with_its_reason(
    machine: Machine, source: Path, folder: Path
) -> None:
    path = source / ".github" / "workflows" / "hello.yml"
    path.write_text("jobs: [", encoding="utf-8")
    with pytest.raises(RunnerError, match="act ran nothing of hello.yml.*yaml"):
        run_workflow(machine, order(source), folder)


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    first, second = new_folder(tmp_path / "runs"), new_folder(tmp_path / "runs")
    assert first != second
    assert int(second.name) > int(first.name)
