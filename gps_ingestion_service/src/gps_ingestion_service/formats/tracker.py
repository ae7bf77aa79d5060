"""What a binary tracker format is: frames cut from a stream or a datagram.

A format holds no connection and no state. The connection keeps who logged in; the
format says what a frame means and which bytes answer it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gps_ingestion_service.fix import Row
from gps_ingestion_service.formats.binary import FrameError


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame's meaning depends on.

    ``utc_offset`` is what the device's login said of its clock, for formats whose times
    have no zone.
    """

    received_at: datetime
    utc_offset: timedelta = timedelta(0)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A device names itself; the connection answers whether it may go on.

    ``utc_offset`` is what the device says of its own clock, if anything.
    """

    device_id: str
    accepted: bytes
    refused: bytes = b""
    utc_offset: timedelta | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Records, and the answer by the number of them that are durably stored.

    ``answer(0)`` says that nothing was stored; where it is empty, only hanging up
    says so. A datagram names its ``device_id``; on a stream the login did.
    """

    rows: list[Row]
    answer: Callable[[int], bytes]
    device_id: str | None = None


class Notice(msgspec.Struct, frozen=True):
    """A frame without a record, such as a heartbeat, and its answer.

    ``status`` is what it says of the vehicle: attributes of the fixes that follow it
    and do not say it themselves.
    """

    answer: bytes = b""
    status: Mapping[str, Any] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a device raised without a position, such as an alarm under a roof, and its
    answer once that is durably stored."""

    attributes: Mapping[str, Any]
    answer: bytes


Packet = Login | Report | Notice | Event


class TrackerFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One binary format.

    ``frame_length(data)`` is the length of the frame that ``data`` begins with, or
    None where more bytes are needed to tell; it raises :class:`FrameError` where no
    frame can begin so, after which the stream cannot be read on. ``decode`` takes a
    whole frame, ``decode_datagram`` a datagram; both are pure and raise
    :class:`FrameError`. ``is_datagram`` tells, for a capture, which of the two it is.
    ``can_refuse``: a device can be told that nothing was stored. ``header_bytes`` is
    how many bytes of a frame ``frame_length`` needs at most to tell; for a format whose
    frames end with a mark, ``max_frame_bytes``.
    """

    name: str
    max_frame_bytes: int
    max_login_bytes: int
    frame_length: Callable[[bytes], int | None]
    decode: Callable[[bytes, Context], Packet]
    decode_datagram: Callable[[bytes, Context], Packet] | None = None
    is_datagram: Callable[[bytes], bool] = lambda data: False
    can_refuse: bool = True
    header_bytes: int = 64


def announced_length(tracker: TrackerFormat, data: bytes, max_bytes: int) -> int | None:
    """Length of the frame at the start of ``data``, None where it is not known yet.

    Raises:
        FrameError: no frame begins so, or it is longer than ``max_bytes``.
    """
    length = tracker.frame_length(data)
    least = len(data) if length is None else length
    if least > max_bytes:
        raise FrameError(
            "frame_too_large",
            f"a frame of {least} bytes or more comes, {max_bytes} are allowed",
        )
    return length


def cut(tracker: TrackerFormat, data: bytes) -> bytes | None:
    """The first frame of ``data``, or None where it is not complete.

    Raises:
        FrameError: no frame begins so, or it is longer than the format allows.
    """
    length = announced_length(tracker, data, tracker.max_frame_bytes)
    if length is None or length > len(data):
        return None
    return data[:length]


def packets(tracker: TrackerFormat, data: bytes, context: Context) -> Iterator[Packet]:
    """Every packet of a capture: one datagram, or frames of a stream in their order.

    Raises:
        FrameError: at the first frame that must be refused, or an incomplete one.
    """
    if tracker.decode_datagram is not None and tracker.is_datagram(data):
        yield tracker.decode_datagram(data, context)
        return
    if not data:
        raise FrameError("truncated", "there is no frame")
    while data:
        frame = cut(tracker, data)
        if frame is None:
            expected = tracker.frame_length(data)
            raise FrameError(
                "truncated",
                f"the frame ends after {len(data)} bytes"
                + (f", {expected} are announced" if expected else ""),
            )
        packet = tracker.decode(frame, context)
        if isinstance(packet, Login) and packet.utc_offset is not None:
            context = msgspec.structs.replace(context, utc_offset=packet.utc_offset)
        yield packet
        data = data[len(frame) :]
