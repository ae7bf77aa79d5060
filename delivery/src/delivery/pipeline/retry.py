"""Bounded retry for transport failures, and for nothing else.

A test that fails, a refused permission or a broken manifest fails the same way again;
trying again would only hide it for a while. What is retried must be idempotent.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from delivery.pipeline.process import Result, Runner

# What docker, kubectl, the AWS CLI and the registries say when not the request but the
# way failed.
_TRANSPORT = re.compile(
    r"""
      connection\ (?:refused|reset|timed\ out) | broken\ pipe | i/o\ timeout
    | TLS\ handshake\ timeout | no\ such\ host | server\ misbehaving
    | Temporary\ failure\ in\ name\ resolution | Could\ not\ resolve\ host
    | unexpected\ EOF | :\ EOF\s*$ | use\ of\ closed\ network\ connection
    | context\ deadline\ exceeded | Client\.Timeout\ exceeded
    | net/http:\ request\ canceled | http2:\ client\ connection\ lost
    | Could\ not\ connect\ to\ the\ endpoint\ URL
    | (?:Connect|Read)\ timeout\ on\ endpoint
    | Connection\ was\ closed\ before\ we\ received | RequestTimeout
    | Throttling | Rate\ exceeded | TooManyRequests | toomanyrequests
    | \b(?:429|500|502|503|504)\b[:\ ]+(?:Too\ Many|Internal\ Server|Bad\ Gateway
        |Service\ (?:Temporarily\ )?Unavailable|Gateway\ Time-?out)
    | etcdserver:\ (?:leader\ changed|request\ timed\ out)
    | the\ server\ is\ currently\ unable\ to\ handle\ the\ request
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Policy:
    """How often, and how long between: ``base_s`` doubles up to ``most_s`` seconds."""

    attempts: int = 4
    base_s: float = 2.0
    most_s: float = 30.0

    def pause_s(self, attempt: int, fraction: float) -> float:
        """Seconds to wait after ``attempt`` (from 1); ``fraction`` in 0..1 spreads it.

        At least half of the full pause: a crowd of jobs must not return at once.
        """
        full: float = min(self.most_s, self.base_s * 2 ** (attempt - 1))
        return full * (0.5 + fraction / 2)


def is_transport(text: str) -> bool:
    """Whether what a command said names a failure of the way to the other side."""
    return _TRANSPORT.search(text) is not None


def retry(
    command: Sequence[str],
    runner: Runner,
    policy: Policy,
    sleep: Callable[[float], None],
    say: Callable[[str], None],
    accept: str = "",
    spread: Callable[[], float] = random.random,
) -> Result:
    """Run ``command`` until it succeeds, or fails for its own reason or often enough.

    :param accept: a pattern; a failure that says it counts as success.
    """
    attempt = 1
    while True:
        result = runner(command)
        if result.code == 0:
            return result
        if accept and re.search(accept, result.text):
            say(f"::notice::accepted: the command said {accept}")
            return Result(0, result.output, result.errors)
        if not is_transport(result.text):
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
