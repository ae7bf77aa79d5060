"""Running one command of a check, its output in the check's log."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.checks.check import PASSED, Outcome, failed
from devtools.commands import running
from devtools.environment import clean_environment

TIMED_OUT = -1000


@dataclass(frozen=True)
class Command:
    """A command line as a pipeline step has it.

    :param argv: the program is looked for in the virtualenv first.
    :param venv: folder of the virtualenv whose programs come first on PATH.
    :param timeout_s: after this it counts as hanging, and is ended.
    """

    argv: Sequence[str]
    cwd: Path
    venv: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 1200

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the process."""
        path = f"{self.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return clean_environment({"PATH": path, **self.variables})

    def execute(self, log: Path) -> int:
        """Run it to its end.

        :returns: its exit status, :data:`TIMED_OUT` when it had to be ended.
        """
        environment = self.environment
        program = _find(self.argv[0], environment["PATH"])
        with log.open("ab") as output:
            output.write(f"$ {' '.join(self.argv)}\n".encode())
            output.flush()
            process = subprocess.Popen(
                [program, *self.argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.cwd,
                env=environment,
                start_new_session=True,
            )
            # pytest undoes what its fixtures started on this signal, not on SIGTERM.
            running.add(process, signal.SIGINT)
            try:
                return process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                output.write(f"ended after {self.timeout_s:g} s\n".encode())
                return TIMED_OUT
            finally:
                _end(process)
                running.discard(process)

    def check(self, log: Path) -> Outcome:
        """Run it; anything but exit status 0 is a failure."""
        return verdict(self.execute(log))


def verdict(status: int) -> Outcome:
    """The outcome that an exit status alone tells."""
    if status == 0:
        return PASSED
    return failed("took too long" if status == TIMED_OUT else f"exit status {status}")


def _find(program: str, path: str) -> str:
    """The program's full path; Popen itself would search this process's own PATH."""
    for folder in path.split(os.pathsep):
        candidate = Path(folder) / program
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return str(candidate)
    return program


def _end(process: subprocess.Popen[str]) -> None:
    """End a process that still runs, with what it started."""
    if process.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
        break
