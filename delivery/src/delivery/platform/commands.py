"""Running other programs, with a clear error when one fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from delivery.platform.errors import PlatformError

#: Lines of a failed program's output that its error quotes.
QUOTED_LINES = 4


def run(
    argv: Sequence[str | Path],
    *,
    purpose: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    log: Path | None = None,
    timeout_s: float = 600,
) -> str:
    """Run a program and return its standard output.

    `env` is added to the environment. With `log`, everything it prints goes to
    that file too and the error names it. Raises PlatformError when the program is
    missing, exits non-zero or runs longer than `timeout_s`.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise PlatformError(f"{purpose}: {error.filename} is not there") from error
    except subprocess.TimeoutExpired as error:
        raise PlatformError(
            f"{purpose}: {shlex.join(words[:3])} took longer than {timeout_s:.0f} s"
        ) from error
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {shlex.join(words)}\n{done.stdout}{done.stderr}")
    if done.returncode:
        raise PlatformError(_failure(purpose, words, done, log))
    return done.stdout


def _failure(
    purpose: str,
    words: list[str],
    done: subprocess.CompletedProcess[str],
    log: Path | None,
) -> str:
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    quoted = " | ".join(line.strip() for line in said[-QUOTED_LINES:])
    where = f" (whole output: {log})" if log else ""
    program = " ".join(words[:2])
    return f"{purpose}: `{program}` ended with {done.returncode}: {quoted}{where}"


def wait_until(
    ready: Callable[[], bool],
    *,
    what: str,
    timeout_s: float,
    interval_s: float = 0.1,
    alive: Callable[[], bool] = lambda: True,
) -> float:
    """Ask `ready` until it answers True; return the seconds that took.

    Raises PlatformError when `timeout_s` pass first, or as soon as `alive` says
    that what is waited for has ended.
    """
    start = time.monotonic()
    while not ready():
        if not alive():
            raise PlatformError(f"{what} ended while it was starting")
        if time.monotonic() - start > timeout_s:
            raise PlatformError(f"{what} was not ready after {timeout_s:.0f} s")
        time.sleep(interval_s)
    return time.monotonic() - start
