"""Runs other programs; everything else takes a :class:`Runner` and can be tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from delivery.pipeline.errors import StepError, TransportError
from delivery.pipeline.transport import is_transport

# Enough of a long output to say why a command failed.
KEPT_LINES = 200


@dataclass(frozen=True)
class Result:
    """How a command ended. ``errors`` is empty where output and errors were merged."""

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
    """Run ``command``, show its output as it comes, and keep the end of it.

    :raises StepError: the program is not installed
    """
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError as error:
        raise _not_installed(command) from error
    with process:
        if process.stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        kept: deque[str] = deque(maxlen=KEPT_LINES)
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            kept.append(line)
    return Result(process.returncode, "".join(kept))


def output_of(runner: Runner, command: Sequence[str], stdin: str = "") -> str:
    """The output of a command that must succeed.

    :raises TransportError: it failed on its way; the message carries what it said
    :raises StepError: it failed for another reason
    """
    result = runner(command, stdin)
    if result.code != 0:
        kind = TransportError if is_transport(result.complaint) else StepError
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
