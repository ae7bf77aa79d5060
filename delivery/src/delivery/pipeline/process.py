"""Runs other programs; everything else takes a :class:`Runner` and can be tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from delivery.pipeline.errors import StepError, TransportError
from delivery.pipeline.transport import is_transport

# Enough of a long output to say why a command failed.
KEPT_LINES = 200


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it wrote."""

    code: int
    output: str
    errors: str = ""

    @property
    def text(self) -> str:
        """Output and errors, for searching."""
        return f"{self.output}\n{self.errors}"

    @property
    def complaint(self) -> str:
        """What a command that failed said about it."""
        return (self.errors or self.output).strip()


class Runner(Protocol):
    """Runs a command to its end."""

    def __call__(self, command: Sequence[str], stdin: str = "") -> Result:
        """Run ``command`` with ``stdin``; a command that fails is not an exception."""
        ...


def run(command: Sequence[str], stdin: str = "") -> Result:
    """Run ``command`` quietly and keep what it says.

    :raises StepError: the program is not installed
    """
    try:
        done = subprocess.run(
            list(command), input=stdin, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise _not_installed(command) from error
    return Result(done.returncode, done.stdout, done.stderr)


def stream(command: Sequence[str], stdin: str = "") -> Result:
    """Run ``command``, show what it writes as it comes, and keep the end of it.

    :raises StepError: the program is not installed
    """
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError as error:
        raise _not_installed(command) from error
    with process, ThreadPoolExecutor(1) as beside:
        errors = beside.submit(_show, process.stderr or ())
        if process.stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        output = _show(process.stdout or ())
    return Result(process.returncode, output, errors.result())


def _show(lines: Iterable[str]) -> str:
    """Show lines as they come, and keep the last of them."""
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        kept.append(line)
    return "".join(kept)


def output_of(runner: Runner, command: Sequence[str], stdin: str = "") -> str:
    """The output of a command that must succeed.

    :raises TransportError: it failed on its way; the message carries what it said
    :raises StepError: it failed for another reason
    """
    result = runner(command, stdin)
    if result.code != 0:
        kind = TransportError if is_transport(result.errors) else StepError
        raise kind(
            "command-failed",
            f"{' '.join(command)} ended with {result.code}: {result.complaint}",
        )
    return result.output


def json_of(runner: Runner, command: Sequence[str]) -> Any:
    """The parsed JSON that a command must print.

    :raises StepError: it failed, or printed something else
    """
    text = output_of(runner, command)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise StepError(
            "not-json", f"{' '.join(command)} did not print JSON: {error}"
        ) from error


def _not_installed(command: Sequence[str]) -> StepError:
    return StepError("not-installed", f"{command[0]} is not installed or on PATH")
