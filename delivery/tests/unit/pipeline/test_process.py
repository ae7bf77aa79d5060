"""Commands are run to their end, and what they said is kept."""

from __future__ import annotations

import sys

import pytest

from delivery.pipeline.errors import StepError, TransportError
from delivery.pipeline.process import json_of, output_of, run, stream

PYTHON = sys.executable


def test_keeps_output_and_errors_apart() -> None:
    code = "import sys; print(input()); print('e', file=sys.stderr); sys.exit(3)"
    result = run([PYTHON, "-c", code], stdin="hello\n")
    assert (result.code, result.output, result.errors) == (3, "hello\n", "e\n")


def test_shows_output_and_errors_as_they_come(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = "import sys; print(sys.stdin.read()); print('e', file=sys.stderr)"
    result = stream([PYTHON, "-c", code], stdin="hello")
    assert (result.code, result.output, result.errors) == (0, "hello\n", "e\n")
    assert sorted(capsys.readouterr().out.split()) == ["e", "hello"]


def test_much_on_both_ways_at_once_is_no_deadlock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = (
        "import sys\n"
        "for number in range(20_000):\n"
        "    print('output', number)\n"
        "    print('error', number, file=sys.stderr)"
    )
    result = stream([PYTHON, "-c", code])
    assert len(result.output.splitlines()) == len(result.errors.splitlines()) == 200
    assert len(capsys.readouterr().out.splitlines()) == 40_000


def test_a_stream_without_input_ends(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; sys.exit(len(sys.stdin.read()))"
    assert stream([PYTHON, "-c", code]).code == 0


@pytest.mark.parametrize("runner", [run, stream])
def test_a_missing_program_is_named(runner: object) -> None:
    with pytest.raises(StepError, match="no-such-program is not installed"):
        runner(["no-such-program"])  # type: ignore[operator]


def test_a_failing_command_says_why() -> None:
    command = [PYTHON, "-c", "import sys; sys.exit('no such cluster')"]
    with pytest.raises(StepError, match="ended with 1: no such cluster"):
        output_of(run, command)


def test_a_command_that_failed_on_its_way_says_so() -> None:
    code = "import sys; sys.exit('dial tcp 10.0.0.1:6443: i/o timeout')"
    with pytest.raises(TransportError, match="i/o timeout"):
        output_of(run, [PYTHON, "-c", code])


def test_what_is_not_json_is_an_error() -> None:
    with pytest.raises(StepError, match="not-json"):
        json_of(run, [PYTHON, "-c", "print('hello')"])
