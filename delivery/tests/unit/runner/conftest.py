"""What the runner's tests share: a clock, a recorded run, a repository."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delivery.pipeline.approval import Request
from delivery.runner.act_output import ActOutput
from delivery.runner.results import Job, Run, Step

#: Four jobs of two runs of pl-gps-001, as act 0.2.89 printed them, outputs shortened.
RECORDED = Path(__file__).parent / "data" / "act-0.2.89.jsonl"
START = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a1" * 32


class Ticks:
    """A clock that is a second later each time it is read."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Heard:
    """Keeps what a listener hears."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []
        self.steps: list[tuple[str, Step]] = []
        self.jobs: list[Job] = []

    def step_started(self, job: str, step: str) -> None:
        """Keep it."""
        self.started.append((job, step))

    def step_ended(self, job: str, step: Step) -> None:
        """Keep it."""
        self.steps.append((job, step))

    def job_ended(self, job: Job) -> None:
        """Keep it."""
        self.jobs.append(job)


@pytest.fixture
def heard() -> Heard:
    """A listener that has heard nothing yet."""
    return Heard()


@pytest.fixture
def recorded(tmp_path: Path, heard: Heard) -> Run:
    """The recorded jobs as one run that failed."""
    output = ActOutput(tmp_path / "logs", heard, Ticks())
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        output.feed(line)
    jobs = output.finish()
    return Run(
        id="9001",
        workflow="pl-gps-001.yml",
        event="push",
        ref="refs/heads/main",
        commit="d90632e207436b0e72d1c10fb2a81b1aed2cfd8d",
        status=1,
        started=START,
        ended=jobs[-1].ended,
        jobs=jobs,
        folder=tmp_path,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of one workflow."""
    folder = tmp_path / "repository"
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "hello.yml").write_text(HELLO, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    commit_all(folder, "First")
    return folder


def commit_all(folder: Path, message: str) -> None:
    """Commit everything in ``folder``."""
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    git = ["git", "-C", str(folder), *author]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", message], check=True)


@pytest.fixture
def request_() -> Request:
    """A request for approval."""
    return Request(
        environment="production",
        component="gps-ingestion-service",
        digest=DIGEST,
        commit="d90632e207436b0e72d1c10fb2a81b1aed2cfd8d",
        run="9001",
        actor="alice",
        unchecked=("image",),
    )


HELLO = """\
name: Hello
on:
  push:
  workflow_dispatch:
    inputs:
      name:
        type: string
jobs:
  greet:
    name: Greet
    runs-on: ubuntu-24.04
    steps:
      - name: Checkout Code
        uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - name: Say who
        id: who
        env:
          NAME: ${{ inputs.name || vars.NAME }}
        run: |
          echo "$NAME on $GITHUB_REF by $GITHUB_ACTOR in $GITHUB_RUN_ID"
          echo "$MOOD" "${SECRET_OF_THE_SHELL:-nothing}"
          echo "name=$NAME" >> "$GITHUB_OUTPUT"
      - name: Fail on request
        run: if [[ $MOOD == bad ]]; then echo "::error::a bad mood"; exit 3; fi
  after:
    name: After
    needs: greet
    runs-on: ubuntu-24.04
    steps:
      - name: Leave something running
        run: |
          sleep 600 > /dev/null 2>&1 &
          echo "$!" > "$KEPT/pid"
      - name: Wait long on request
        run: if [[ $MOOD == slow ]]; then sleep 600; fi
"""
