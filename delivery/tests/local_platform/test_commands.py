"""Running other programs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from delivery.platform.commands import run, wait_until
from delivery.platform.errors import PlatformError

PYTHON = sys.executable


def test_a_program_gives_its_output() -> None:
    assert run(["echo", "hello"], purpose="greeting") == "hello\n"


def test_input_and_environment_reach_the_program() -> None:
    program = "import os, sys; print(os.environ['NAME'] + sys.stdin.read())"
    said = run([PYTHON, "-c", program], purpose="x", env={"NAME": "a"}, stdin="b")
    assert said == "ab\n"


def test_a_program_gets_no_input_unless_it_is_given_some() -> None:
    program = "import sys; print(repr(sys.stdin.read()))"
    assert run([PYTHON, "-c", program], purpose="x") == "''\n"


def test_a_failure_is_one_line_with_what_the_program_said(tmp_path: Path) -> None:
    log = tmp_path / "logs/x.log"
    program = "import sys; print('first\\nsecond', file=sys.stderr); sys.exit(7)"
    with pytest.raises(PlatformError) as caught:
        run([PYTHON, "-c", program], purpose="trying", log=log)
    message = str(caught.value)
    assert message.startswith("trying: ")
    assert "ended with 7: first | second" in message
    assert str(log) in message
    assert "\n" not in message
    assert "first\nsecond" in log.read_text()


def test_a_missing_program_is_named() -> None:
    with pytest.raises(PlatformError, match="trying: no-such-program is not there"):
        run(["no-such-program"], purpose="trying")


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(PlatformError, match="took longer than 0 s"):
        run(["sleep", "60"], purpose="resting", timeout_s=0.05)


def test_waiting_ends_when_it_is_ready() -> None:
    answers = iter([False, False, True])
    seconds = wait_until(lambda: next(answers), what="it", timeout_s=9, interval_s=0)
    assert seconds >= 0


def test_waiting_gives_up() -> None:
    with pytest.raises(PlatformError, match="it was not ready after 0 s"):
        wait_until(lambda: False, what="it", timeout_s=0, interval_s=0)


def test_waiting_for_something_that_has_ended_gives_up_at_once() -> None:
    with pytest.raises(PlatformError, match="it ended while it was starting"):
        wait_until(lambda: False, what="it", timeout_s=60, alive=lambda: False)
