"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from devtools.errors import DevtoolsError

T = TypeVar("T")


def wait_until(
    check: Callable[[], T | None],
    *,
    what: str,
    timeout_s: float,
    interval_s: float = 0.1,
    hint: str = "",
) -> T:
    """Call ``check`` until it answers something true, and return that.

    :param what: ends the sentence "gave up waiting for ...".
    :raises DevtoolsError: when ``timeout_s`` seconds have passed.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise DevtoolsError(f"gave up waiting for {what} ({timeout_s:g} s)", hint)
        time.sleep(interval_s)
