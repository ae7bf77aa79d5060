"""The one exception that ends a command with a message instead of a traceback."""

from __future__ import annotations


class DevtoolsError(Exception):
    """A failure that the user can act on.

    :param message: what went wrong, one line.
    :param hint: what to do about it, one line, may be empty.
    :param details: further lines worth seeing, such as the end of a log.
    """

    def __init__(
        self, message: str, hint: str = "", details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message
