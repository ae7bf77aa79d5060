"""What a check is, and what comes out of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Status(Enum):
    """End of a check. NOT CHECKED stops nothing, but is always said."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_CHECKED = "NOT CHECKED"


class Kind(Enum):
    """What a check looks at, for choosing some of them."""

    SETUP = "setup"
    LINT = "lint"
    AUDIT = "audit"
    TEST = "test"
    SOAK = "soak"


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    :param note: half a line for people.
    :param tests_passed: tests in it that passed; 0 for a check that is no test suite.
    :param skipped: names of tests that were skipped for a reviewed reason.
    """

    status: Status
    note: str = ""
    tests_passed: int = 0
    tests_failed: int = 0
    skipped: tuple[str, ...] = ()


PASSED = Outcome(Status.PASSED)


def failed(note: str) -> Outcome:
    """A failure that no test was counted for."""
    return Outcome(Status.FAILED, note)


@dataclass(frozen=True)
class Check:
    """One thing to check.

    :param name: unique; its log is named after it.
    :param component: whose check it is, such as ``gps``.
    :param action: does it, writing what it sees to the given log.
    :param needs: names of checks that have to pass before.
    :param heavy: keeps a core busy for long, so that few of them run at once.
    """

    name: str
    component: str
    kind: Kind
    action: Callable[[Path], Outcome]
    needs: tuple[str, ...] = ()
    heavy: bool = False

    @property
    def file_name(self) -> str:
        """Name of its log, without an ending."""
        return self.name.replace(" ", "-").replace("/", "-").lower()


@dataclass(frozen=True)
class Result:
    """A check that is over."""

    check: Check
    outcome: Outcome
    seconds: float
    log: Path

    @property
    def failed(self) -> bool:
        """Whether it fails the run."""
        return self.outcome.status is Status.FAILED
