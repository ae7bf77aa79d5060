"""The error of local runs."""

from delivery.errors import DeliveryError


class RunnerError(DeliveryError):
    """A run cannot start; the message is one line that says what to do."""
