"""What ends a pipeline step."""

from __future__ import annotations

from delivery.errors import DeliveryError


class StepError(DeliveryError):
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


class TransportError(StepError):
    """The way to the other side failed, not the request: later it may work."""
