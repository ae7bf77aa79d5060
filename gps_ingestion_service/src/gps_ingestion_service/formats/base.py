"""What a format is: bytes in, fixes and rejections out, no I/O."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gps_ingestion_service.fix import Row


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP request as it came: raw query string, body and content type.

    ``user`` and ``device`` are the headers ``X-Limit-U`` and ``X-Limit-D``, by which
    OwnTracks names its sender. In quarantine, the frame of a tracker is a body, and
    ``utc_offset_minutes`` what the login before it said of the device's clock.
    """

    query: str = ""
    body: bytes = b""
    content_type: str = ""
    user: str = ""
    device: str = ""
    utc_offset_minutes: int = 0


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in the order sent; ``device_id`` where the format names one sender.

    No rows is legal: a keep-alive names its sender and holds no position. ``part``
    gives the body that holds one row alone, for formats that carry several.
    """

    rows: list[Row]
    device_id: str | None = None
    part: Callable[[int], bytes] | None = None


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


class HttpFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format over HTTP.

    ``decode(message, received_at, max_rows)`` is pure and raises
    :class:`DecodeError`. ``recognises(message, document)`` tells by content whether a
    message on a shared URL is of this format; ``document`` is the JSON object of the
    body, or None. ``receipt`` is the JSON answer that the app expects for whatever is
    dealt with; None: a verdict per row. ``reads_verdicts``: the sender looks at them
    and knows of each row whether it is stored; any other forgets what was answered. A
    message of which no row could be stored is answered like any other once it is kept:
    an app sends what was refused before all else, and a fix that can never be stored
    would hold it up for ever.
    """

    name: str
    path: str
    decode: Callable[[Message, datetime, int], Decoded]
    recognises: Callable[[Message, dict[str, Any] | None], bool]
    unknown_device_status: int = 400
    reads_verdicts: bool = False
    receipt: bytes | None = None
