"""Running a program to its end, its output in a log, its failure in one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.errors import DevtoolsError

# What a failure's output says, and what is to be done about it.
_CAUSES = (
    (r"No space left on device|ENOSPC", "the disk is full: free some space"),
    (
        r"Temporary failure (in name resolution|resolving)|Could not resolve|EAI_AGAIN"
        r"|ENOTFOUND|Network is unreachable|Name or service not known"
        r"|ConnectTimeout|Connection (refused|timed out)|ECONNREFUSED|ETIMEDOUT"
        r"|Max retries exceeded|Failed to establish a new connection"
        r"|Could not connect|Unable to connect",
        "the registry cannot be reached: check the network and the proxy settings",
    ),
    (r"No matching distribution found", "the registry does not have that version"),
    (r"DO NOT MATCH THE HASHES|EINTEGRITY", "a download is not what the lock says"),
    (r"Permission denied|EACCES", "a file or folder belongs to another user"),
)


class RunningPrograms:
    """The programs that run now, so that an interrupted command leaves none behind."""

    def __init__(self) -> None:
        self._programs: dict[subprocess.Popen[str], int] = {}
        self._lock = threading.Lock()
        self._closed = False

    def add(self, program: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
        """Remember a program; one that starts after the interruption ends at once.

        :param number: the signal that ends it in good order.
        """
        with self._lock:
            self._programs[program] = number
            if self._closed:
                _end_group(program, number)

    def discard(self, program: subprocess.Popen[str]) -> None:
        """Forget a program that ended."""
        with self._lock:
            self._programs.pop(program, None)

    def end_all(self) -> None:
        """End them all, with what they have started."""
        with self._lock:
            self._closed = True
            for program, number in self._programs.items():
                _end_group(program, number)


def _end_group(program: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        pass


running = RunningPrograms()


def run(
    argv: Sequence[str],
    *,
    log: Path,
    what: str,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float = 1800,
) -> str:
    """Run a program, append its output to ``log``, and answer its standard output.

    :param what: names the program in the error.
    :raises DevtoolsError: when it cannot be started, fails or takes too long; the hint
        names the cause where the output tells it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        program = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise DevtoolsError(f"{argv[0]} is missing", "install it") from error
    running.add(program)
    try:
        output, errors = program.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise DevtoolsError(
            f"{what} took over {timeout_s:g} s", f"see {log}"
        ) from error
    finally:
        if program.poll() is None:
            _end_group(program)
            program.communicate()
        running.discard(program)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(argv)}\n{output}{errors}\n")
    if program.returncode != 0:
        raise failure(what, output + errors, log)
    return output


def run_to_log(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    text: str = "",
) -> int:
    """Run a program with its output appended to ``log`` as it comes.

    :param text: its standard input.
    :returns: its exit status.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        program = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
        running.add(program)
        try:
            program.communicate(text)
        finally:
            if program.poll() is None:
                _end_group(program)
                program.wait()
            running.discard(program)
    return program.returncode


def failure(what: str, output: str, log: Path) -> DevtoolsError:
    """The error for a program that failed with this output."""
    for pattern, advice in _CAUSES:
        if re.search(pattern, output):
            return DevtoolsError(f"{what} failed", f"{advice} (see {log})")
    lines = tuple(output.strip().splitlines()[-8:])
    return DevtoolsError(f"{what} failed", f"see {log}", lines)
