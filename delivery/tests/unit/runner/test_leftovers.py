"""Processes that a run left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from delivery.runner import leftovers

RUN = "20990101000000"
STUBBORN = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)\n"
)
POLITE = "print('ready', flush=True)\nimport time\ntime.sleep(600)\n"


@pytest.fixture(params=[POLITE, STUBBORN], ids=["polite", "stubborn"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process of the run, which does or does not end when it is asked to."""
    environment = {**os.environ, leftovers.MARK: RUN}
    command = [sys.executable, "-c", request.param]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def test_they_are_found_by_the_run_s_id(process: subprocess.Popen[str]) -> None:
    assert leftovers.processes_of(RUN) == [process.pid]
    assert leftovers.processes_of("20990101000001") == []


def test_they_are_ended(
    process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "GRACE_S", 0.3)
    leftovers.end(RUN)
    assert process.wait(10) < 0
    assert leftovers.processes_of(RUN) == []
