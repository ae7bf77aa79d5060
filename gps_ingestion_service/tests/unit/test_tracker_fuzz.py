"""No bytes from outside break a binary format, however damaged they are."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from support.trackers import (
    GT06_CELL,
    Record,
    frame,
    framed,
    gt06,
    gt06_login,
    gt06_position,
    login,
)

from gps_ingestion_service.formats import TRACKER_FORMATS, FrameError
from gps_ingestion_service.formats.tracker import (
    Context,
    Event,
    Login,
    Notice,
    Report,
    TrackerFormat,
    cut,
    packets,
)

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
CONTEXT = Context(received_at=NOW)
TELTONIKA = TRACKER_FORMATS["teltonika"]
GT06 = TRACKER_FORMATS["gt06"]

devices = st.sampled_from([TELTONIKA, GT06])
GOOD = {
    "teltonika": login() + frame(Record(1), Record(2, elements={240: b"\x01"})),
    "gt06": gt06_login() + gt06(0x16, gt06_position(NOW) + b"\x09" + GT06_CELL),
}


@given(devices, st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(tracker: TrackerFormat, data: bytes) -> None:
    _survives(tracker, data)
    if tracker.decode_datagram is not None:
        try:
            tracker.decode_datagram(data, CONTEXT)
        except FrameError as error:
            assert error.code and error.message


@given(devices, st.data())
def test_a_damaged_capture_is_decoded_or_refused(
    tracker: TrackerFormat, data: st.DataObject
) -> None:
    damaged = bytearray(GOOD[tracker.name])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(
            st.integers(0, 255)
        )
    _survives(tracker, bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


def _survives(tracker: TrackerFormat, data: bytes) -> None:
    try:
        for packet in packets(tracker, data, CONTEXT):
            assert isinstance(packet, Login | Report | Notice | Event)
    except FrameError as error:
        assert error.code and error.message


@given(st.binary(min_size=3, max_size=120))
def test_an_intact_checksum_does_not_make_a_frame(body: bytes) -> None:
    _survives(TELTONIKA, framed(b"\x08\x01" + body))
    _survives(TELTONIKA, framed(b"\x8e\x01" + body))
    _survives(GT06, gt06(body[0], body[1:]))


@given(devices, st.binary(max_size=50))
def test_a_frame_ends_where_it_says(tracker: TrackerFormat, more: bytes) -> None:
    good = GOOD[tracker.name]
    first = cut(tracker, good)
    assert first is not None
    assert cut(tracker, first + more) == first
    for end in range(len(first)):
        assert cut(tracker, good[:end]) is None
