"""Errors that end a command with one line for the reader."""


class DeliveryError(Exception):
    """Something the caller gave cannot be used; the message says what to do."""
