"""Bounded retry for transport failures, and for nothing else.

What is retried must be idempotent.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from delivery.pipeline.process import Result, Runner
from delivery.pipeline.transport import is_transport


@dataclass(frozen=True)
class Policy:
    """How often, and how long between: ``base_s`` doubles up to ``most_s`` seconds."""

    attempts: int = 4
    base_s: float = 2.0
    most_s: float = 30.0

    @classmethod
    def of_job(cls, environment: Mapping[str, str], attempts: int = 4) -> Policy:
        """As the job's ``RETRY_BASE_S`` says, in seconds."""
        return cls(attempts, float(environment.get("RETRY_BASE_S", cls.base_s)))

    def pause_s(self, attempt: int, fraction: float) -> float:
        """Seconds to wait after ``attempt`` (from 1); ``fraction`` in 0..1 spreads it.

        At least half of the full pause: a crowd of jobs must not return at once.
        """
        full: float = min(self.most_s, self.base_s * 2 ** (attempt - 1))
        return full * (0.5 + fraction / 2)


def retry(
    command: Sequence[str],
    runner: Runner,
    policy: Policy,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
    accept: str = "",
    spread: Callable[[], float] = random.random,
    stdin: str = "",
) -> Result:
    """Run ``command`` until it succeeds, or fails for its own reason or often enough.

    :param accept: a pattern; a failure that says it counts as success.
    """
    attempt = 1
    while True:
        result = runner(command, stdin)
        if result.code == 0:
            return result
        if accept and re.search(accept, result.text):
            say(f"::notice::accepted: the command said {accept}")
            return Result(0, result.output, result.errors)
        if not is_transport(result.errors):
            return result
        if attempt >= policy.attempts:
            say(f"::error::gave up after {attempt} transport failures")
            return result
        pause = policy.pause_s(attempt, spread())
        say(
            f"::warning::transport failure {attempt} of {policy.attempts}, "
            f"again in {pause:.1f} s"
        )
        sleep(pause)
        attempt += 1


def patient(runner: Runner) -> Runner:
    """A runner for commands that only read: it repeats their transport failures.

    Writes have no place in it; each says itself whether it may happen twice.
    """

    def read(command: Sequence[str], stdin: str = "") -> Result:
        policy = Policy.of_job(os.environ)
        return retry(command, runner, policy, time.sleep, print, stdin=stdin)

    return read
