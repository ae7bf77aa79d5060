"""What ends a pipeline step, and how a gate can end."""

from __future__ import annotations

import enum


class DeliveryError(Exception):
    """A step must not go on.

    :param code: short and stable, for tests and for searching logs.
    :param message: what is wrong, and what to do about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class Verdict(enum.Enum):
    """A gate is never silently green: what was not looked at is said to be so."""

    CLEAN = "clean"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


# Exit status of a gate that had nothing to look with; 2 is kept for wrong usage.
EXIT_NOT_CHECKED = 3
EXIT_CODES = {
    Verdict.CLEAN: 0,
    Verdict.FAILED: 1,
    Verdict.NOT_CHECKED: EXIT_NOT_CHECKED,
}
