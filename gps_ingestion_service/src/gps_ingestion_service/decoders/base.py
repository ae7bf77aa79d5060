"""What a decoder is: bytes of one request in, fixes and rejections out, no I/O."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from gps_ingestion_service.fix import Row


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came: raw query string, body and content type."""

    query: str = ""
    body: bytes = b""
    content_type: str = ""


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in the order sent; ``device_id`` where the format names one sender.

    No rows is legal: a keep-alive names its sender and holds no position.
    """

    rows: list[Row]
    device_id: str | None = None


class DecodeError(Exception):
    """The message as a whole cannot be read, so no row of it can be named."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class TooManyRows(DecodeError):
    """More rows than one request may hold."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            "too_many_rows",
            f"{count} rows in one request, {limit} are allowed; send smaller batches",
            413,
        )


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format.

    ``decode(message, received_at, max_rows)`` is pure and raises
    :class:`DecodeError`. ``recognises`` tells by content whether a message on the
    shared device URL is of this format; ``None`` keeps the format to its own path.
    """

    name: str
    decode: Callable[[Message, datetime, int], Decoded]
    recognises: Callable[[Message], bool] | None = None
    unknown_device_status: int = 400
    from_text: Callable[[str], Message]
