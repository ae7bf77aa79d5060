"""Runs one workflow file with act, in host mode."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from delivery.runner import events, leftovers
from delivery.runner.act_output import ActOutput, Listener
from delivery.runner.approvals import Approver, answering
from delivery.runner.errors import RunnerError
from delivery.runner.machine import Machine, own_program
from delivery.runner.results import Run
from delivery.runner.source import git

#: The runner's label in the workflows, and act's word for "on this machine".
PLATFORM = "ubuntu-24.04=-self-hosted"
#: How long act may take to end what it runs after an interruption.
GRACE_S = 15.0


@dataclass(frozen=True)
class Order:
    """What to run.

    :param source: a clean checkout, see :func:`delivery.runner.source.check_out`.
    :param workflow: file name in its ``.github/workflows``.
    :param ref: full ref, such as ``refs/heads/main`` or ``refs/tags/v1.2.3``.
    :param actor: who started it.
    :param inputs: of a manual dispatch.
    :param payload: what the event holds beyond what every such event does.
    :param variables: GitHub's ``vars``.
    :param environment: further environment of the steps, and what replaces it.
    :param group: runs of one group wait for each other, as GitHub's concurrency groups
        do, of which act knows nothing; empty: waits for nobody.
    """

    source: Path
    workflow: str
    event: str = "push"
    ref: str = events.MAIN
    actor: str = "local"
    inputs: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


class Quiet:
    """Hears of everything and says nothing."""

    def step_started(self, job: str, step: str) -> None:
        """Nothing."""

    def step_ended(self, job: str, step: object) -> None:
        """Nothing."""

    def job_ended(self, job: object) -> None:
        """Nothing."""


def new_folder(runs: Path) -> Path:
    """Make a folder whose name, a number, no other run has: the time in UTC."""
    runs.mkdir(parents=True, exist_ok=True)
    number = int(datetime.now(UTC).strftime("%Y%m%d%H%M%S"))
    while True:
        folder = runs / str(number)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder


def run_workflow(
    machine: Machine,
    order: Order,
    folder: Path,
    approver: Approver | None = None,
    listener: Listener | None = None,
) -> Run:
    """Run a workflow file to its end.

    :param folder: from :func:`new_folder`; its name is the run's id.
    :param approver: who decides when Production Approval asks; None: nobody here, the
        gate waits for ``python -m delivery.pipeline approve``.
    :raises RunnerError: act could not start a single job
    """
    commit = git(order.source, "rev-parse", "HEAD")
    payload = events.describe(
        order.event, order.ref, commit, order.inputs, order.payload
    )
    (folder / "event.json").write_text(json.dumps(payload, indent=2), encoding="utf-8")
    environment = machine.environment() | {
        "LOCAL_APPROVALS_DIR": str(folder / "approvals"),
        **order.environment,
    }
    inbox = Path(environment["LOCAL_APPROVALS_DIR"])
    output = ActOutput(folder / "logs", listener or Quiet())
    with _alone(machine, order.group), answering(inbox, folder.name, approver):
        started = datetime.now(UTC)
        status = _act(_command(order, folder), order, folder, environment, output)
    jobs = output.finish()
    if not jobs:
        raise RunnerError(
            f"act ran nothing of {order.workflow} (exit status {status}):"
            f" {_last_line(folder / 'act.log')}"
        )
    ended = datetime.now(UTC)
    about = (order.workflow, order.event, order.ref, commit)
    return Run(folder.name, *about, status, started, ended, jobs, folder)


@contextmanager
def _alone(machine: Machine, group: str) -> Iterator[None]:
    """Let one run of the group be at work on the platform."""
    if not group:
        yield
        return
    with (machine.locks / f"run-{group}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another run of {group} is at work here: waiting", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _command(order: Order, folder: Path) -> list[str]:
    words = [str(own_program("act")), order.event, "--json", "--no-cache-server"]
    words += ["--workflows", f".github/workflows/{order.workflow}"]
    words += ["--platform", PLATFORM, "--action-offline-mode"]
    words += ["--action-cache-path", str(folder / "work")]
    words += ["--eventpath", str(folder / "event.json"), "--actor", order.actor]
    # act sets its own value where it is not told this one.
    words += ["--env", f"{leftovers.MARK}={folder.name}"]
    for name, value in sorted(order.variables.items()):
        words += ["--var", f"{name}={value}"]
    return words


def _act(
    command: list[str],
    order: Order,
    folder: Path,
    environment: Mapping[str, str],
    output: ActOutput,
) -> int:
    """Run act; whatever happens, nothing that the run started stays behind."""
    with (folder / "act.log").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=order.source,
            env={**environment, leftovers.MARK: folder.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            # An interruption of the terminal reaches this program alone, which then
            # ends act in good order.
            start_new_session=True,
        )
    try:
        for line in process.stdout or ():
            output.feed(line)
        return process.wait()
    finally:
        _end(process)
        leftovers.end(folder.name)
        shutil.rmtree(folder / "work", ignore_errors=True)


def _end(process: subprocess.Popen[str]) -> None:
    """End act in good order; its output is read on, or it could not go on."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
