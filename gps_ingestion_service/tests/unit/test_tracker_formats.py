"""The binary formats by themselves: exact, strict, and never past their frame."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trackers import (
    GT06_CELL,
    GT06_CELL_4G,
    IMEI,
    Record,
    datagram,
    frame,
    framed,
    gt06,
    gt06_login,
    gt06_position,
    login,
    records,
)

from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.formats import TRACKER_FORMATS, FrameError
from gps_ingestion_service.formats.binary import crc16_ibm, crc16_x25
from gps_ingestion_service.formats.tracker import (
    Context,
    Event,
    Login,
    Notice,
    Packet,
    Report,
    TrackerFormat,
    packets,
)

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
CONTEXT = Context(received_at=NOW)
TELTONIKA = TRACKER_FORMATS["teltonika"]
GT06 = TRACKER_FORMATS["gt06"]
# From Teltonika's wiki and from Concox's document of the protocol.
TELTONIKA_EXAMPLE = bytes.fromhex(
    "000000000000003608010000016B40D8EA30010000000000000000000000000000000105021503"
    "010101425E0F01F10000601A014E0000000000000000010000C7CF"
)
GT06_LOGIN_EXAMPLE = bytes.fromhex("78780D01012345678901234500018CDD0D0A")

times = st.datetimes(
    datetime(2001, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)
)
elements = st.dictionaries(
    st.integers(300, 400),
    st.sampled_from([1, 2, 4, 8]).flatmap(
        lambda width: st.binary(min_size=width, max_size=width)
    ),
    max_size=4,
)
avl = st.builds(
    Record,
    time_ms=times.map(lambda time: int(time.timestamp() * 1000)),
    latitude=st.integers(-900_000_000, 900_000_000),
    longitude=st.integers(-1_800_000_000, 1_800_000_000),
    altitude=st.integers(-500, 9000),
    course=st.integers(0, 360),
    satellites=st.integers(0, 30),
    speed_kmh=st.integers(0, 250),
    elements=elements,
)


def decode(tracker: TrackerFormat, data: bytes) -> Packet:
    (packet,) = packets(tracker, data, CONTEXT)
    return packet


def report(tracker: TrackerFormat, data: bytes) -> Report:
    packet = decode(tracker, data)
    assert isinstance(packet, Report), packet
    return packet


def fix(tracker: TrackerFormat, data: bytes) -> Fix:
    (row,) = report(tracker, data).rows
    assert isinstance(row, Fix), row
    return row


def refusal(tracker: TrackerFormat, data: bytes) -> FrameError:
    with pytest.raises(FrameError) as caught:
        list(packets(tracker, data, CONTEXT))
    return caught.value


def test_the_checksums_have_their_published_check_values() -> None:
    assert crc16_ibm(b"123456789") == 0xBB3D
    assert crc16_x25(b"123456789") == 0x906E


def test_teltonika_reads_the_documents_example() -> None:
    packet = report(TELTONIKA, TELTONIKA_EXAMPLE)
    (row,) = packet.rows
    assert isinstance(row, Fix)
    assert row.fix_time == datetime(2019, 6, 10, 10, 4, 46, tzinfo=UTC)
    assert (row.latitude, row.longitude, row.speed) == (0, 0, 0)
    assert row.attributes == {
        "priority": 1,
        "satellites": 0,
        "valid": False,
        "event": 1,
        "gsm_level": 3,
        "input_1": True,
        "power_v": 24.079,
        "operator": 24602,
        "io78": 0,
    }
    assert packet.answer(1) == bytes.fromhex("00000001")


@given(st.lists(avl, min_size=1, max_size=4), st.sampled_from([0x08, 0x8E, 0x10]))
def test_teltonika_reads_what_every_codec_carries(
    items: list[Record], codec: int
) -> None:
    if codec == 0x08:
        items = [Record(item.time_ms, item.latitude, item.longitude) for item in items]
    packet = report(TELTONIKA, frame(*items, codec=codec))
    assert packet.answer(len(items)) == len(items).to_bytes(4)
    for row, item in zip(packet.rows, items, strict=True):
        assert isinstance(row, Fix)
        assert row.fix_time.timestamp() * 1000 == pytest.approx(item.time_ms, abs=0.5)
        assert row.latitude == item.latitude / 1e7
        assert row.longitude == item.longitude / 1e7
        assert row.altitude == item.altitude
        assert row.course == item.course % 360
        assert row.speed == pytest.approx(item.speed_kmh / 3.6)
        assert row.attributes["satellites"] == item.satellites
        assert row.attributes.get("valid", True) == (item.satellites > 0)
        for key, value in item.elements.items():
            assert row.attributes[f"io{key}"] == int.from_bytes(value)


def test_codec_8_extended_keeps_values_of_any_length() -> None:
    item = Record(1, elements={281: b"\x01\x02\x03", 239: b"\x01", 66: b"\x5e\x0f"})
    row = fix(TELTONIKA, frame(item, codec=0x8E))
    assert row.attributes["io281"] == "010203"
    assert row.attributes["ignition"] is True
    assert row.attributes["power_v"] == 24.079


def test_codec_16_says_why_the_record_was_made() -> None:
    row = fix(TELTONIKA, frame(Record(1, event=240), codec=0x10))
    assert (row.attributes["event"], row.attributes["generation"]) == (240, 5)


def test_a_value_that_a_device_cannot_know_is_none() -> None:
    row = fix(TELTONIKA, frame(Record(1, course=65535, speed_kmh=65535)))
    assert (row.course, row.speed) == (None, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"latitude": 900_000_001}, ("out_of_range", "latitude")),
        ({"longitude": -1_800_000_001}, ("out_of_range", "longitude")),
        ({"time_ms": 2**63}, ("invalid_timestamp", "timestamp")),
    ],
)
def test_a_record_that_is_no_fix_leaves_the_others_alone(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    values = {"time_ms": 1, **change}
    rows = report(TELTONIKA, frame(Record(**values), Record(2))).rows
    assert isinstance(rows[0], Rejection)
    assert (rows[0].code, rows[0].field) == expected
    assert isinstance(rows[1], Fix)


def test_teltonika_logs_in_with_its_imei() -> None:
    packet = decode(TELTONIKA, login())
    assert packet == Login(device_id=IMEI, accepted=b"\x01", refused=b"\x00")


def test_teltonika_may_send_a_lone_ff_to_keep_the_connection() -> None:
    assert decode(TELTONIKA, b"\xff") == Notice()


@pytest.mark.parametrize("codec", [0x0C, 0x0D, 0x0E])
def test_the_answer_to_a_command_is_no_record(codec: int) -> None:
    body = bytes([codec]) + b"\x01\x06\x00\x00\x00\x02ok\x01"
    assert decode(TELTONIKA, framed(body)) == Notice()


def test_teltonika_over_udp_names_its_device_and_is_answered_with_its_ids() -> None:
    packet = report(TELTONIKA, datagram(Record(1), Record(2)))
    assert packet.device_id == IMEI
    assert packet.answer(2) == bytes.fromhex("0005CAFE010502")


BODY = records(0x08, [Record(1)])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed(BODY, checksum=0), "wrong_checksum"),
        (framed(records(0x08, [Record(1)], again=2)), "wrong_count"),
        (framed(BODY[:-1] + b"\x00" + BODY[-1:]), "wrong_count"),
        (framed(BODY + b"\x01"), "wrong_length"),
        (framed(b"\x99" + BODY[1:]), "unknown_codec"),
        (framed(BODY[:30]), "truncated"),
        (framed(b""), "truncated"),
    ],
)
def test_a_frame_that_is_not_intact_is_answered_with_zero_records(
    data: bytes, code: str
) -> None:
    error = refusal(TELTONIKA, data)
    assert (error.code, error.answer) == (code, bytes(4))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "truncated"),
        (b"\x00", "truncated"),
        (TELTONIKA_EXAMPLE[:-1], "truncated"),
        (b"\x00\x00\x00\x01\x00\x00\x00\x05", "invalid_frame"),
        (b"\x00\x05hello", "invalid_frame"),
        (b"\x00\x0fnot-an-imei-123", "invalid_identifier"),
        (bytes(4) + b"\x7f\xff\xff\xff", "frame_too_large"),
        (datagram(Record(1))[:-1], "invalid_frame"),
    ],
)
def test_teltonika_refuses_what_is_no_frame(data: bytes, code: str) -> None:
    assert refusal(TELTONIKA, data).code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (datagram(Record(1)) + b"\x00", "wrong_length"),
        (b"\x00\x03\x00\x01\x02", "invalid_frame"),
        (b"\x00\x06\x00\x01\x01\x00\x00\x00", "invalid_identifier"),
        (b"\x00\x04\x00\x01\x01\x00", "truncated"),
    ],
)
def test_a_datagram_that_is_not_intact_is_refused(data: bytes, code: str) -> None:
    assert TELTONIKA.decode_datagram is not None
    with pytest.raises(FrameError) as caught:
        TELTONIKA.decode_datagram(data, CONTEXT)
    assert caught.value.code == code


def test_gt06_reads_the_documents_login_and_answers_as_it_does() -> None:
    packet = decode(GT06, GT06_LOGIN_EXAMPLE)
    assert isinstance(packet, Login)
    assert packet.device_id == "123456789012345"
    assert packet.accepted == bytes.fromhex("787805010001D9DC0D0A")
    assert packet.utc_offset is None


@given(
    times,
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.integers(0, 255),
    st.integers(0, 360),
    st.sampled_from([0x10, 0x12, 0x16, 0x22, 0x26, 0xA0, 0xA4]),
)
def test_gt06_reads_the_position_of_every_packet_that_has_one(
    time: datetime,
    latitude: float,
    longitude: float,
    speed_kmh: int,
    course: int,
    kind: int,
) -> None:
    content = gt06_position(time, latitude, longitude, speed_kmh, course)
    row = fix(GT06, gt06(kind, content))
    assert row.fix_time == time.replace(microsecond=0)
    assert row.latitude == pytest.approx(latitude, abs=1e-6)
    assert row.longitude == pytest.approx(longitude, abs=1e-6)
    assert row.speed == pytest.approx(speed_kmh / 3.6)
    assert row.course == course % 360
    assert row.attributes == {"announced_offset_minutes": 0, "satellites": 9}


def test_gt06_times_are_those_of_the_devices_clock() -> None:
    local = NOW + timedelta(hours=8)
    data = gt06(0x12, gt06_position(local) + GT06_CELL)
    context = Context(received_at=NOW, utc_offset=timedelta(hours=8))
    (packet,) = packets(GT06, data, context)
    assert isinstance(packet, Report) and isinstance(packet.rows[0], Fix)
    row = packet.rows[0]
    assert (row.fix_time, row.sent_time) == (NOW, local)
    assert row.attributes["announced_offset_minutes"] == 480
    assert row.attributes["cell_id"] == 0x1FB8


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("3200", 480), ("2120", 330), ("0000", 0), ("1F48", -300), ("FFFF", 0)],
)
def test_a_login_may_say_the_zone_of_the_clock(zone: str, minutes: int) -> None:
    packet = decode(GT06, gt06_login(extra=bytes.fromhex("3608" + zone)))
    assert isinstance(packet, Login)
    assert packet.utc_offset == timedelta(minutes=minutes)


def test_the_zone_of_a_login_counts_for_what_follows_it() -> None:
    local = NOW + timedelta(hours=8)
    capture = gt06_login(extra=bytes.fromhex("36083200")) + gt06(
        0x12, gt06_position(local)
    )
    packet = list(packets(GT06, capture, CONTEXT))[1]
    assert isinstance(packet, Report) and isinstance(packet.rows[0], Fix)
    assert packet.rows[0].fix_time == NOW


def test_gt06_reads_what_surrounds_a_position() -> None:
    content = gt06_position(NOW) + GT06_CELL + bytes.fromhex("01000100001234")
    assert fix(GT06, gt06(0x22, content)).attributes == {
        "announced_offset_minutes": 0,
        "satellites": 9,
        "operator": 46000,
        "area_code": 0x287D,
        "cell_id": 0x1FB8,
        "ignition": True,
        "event": 0,
        "resent": True,
        "rest": "00001234",
    }


@pytest.mark.parametrize(
    ("state", "alarm", "expected"),
    [(0x46, 0x01, "sos"), (0x46, 0x7F, "7f"), (0x5E, 0x00, "low_battery")],
)
def test_gt06_alarms_are_positions_with_a_reason(
    state: int, alarm: int, expected: str
) -> None:
    content = gt06_position(NOW) + b"\x09" + GT06_CELL
    content += bytes([state, 0x06, 0x04, alarm, 0x02])
    attributes = fix(GT06, gt06(0x16, content)).attributes
    assert attributes["alarm"] == expected
    assert attributes["ignition"] is True
    assert attributes["charging"] is True
    assert attributes["voltage_level"] == 6
    assert "rest" not in attributes


def test_a_newer_gt06_names_its_cell_with_more_bytes() -> None:
    cell = GT06_CELL_4G
    position = fix(GT06, gt06(0xA0, gt06_position(NOW) + cell + b"\x01\x00\x00"))
    alarm = fix(GT06, gt06(0xA4, gt06_position(NOW) + b"\x11" + cell))
    for row in (position, alarm):
        assert row.attributes["operator"] == 46001
        assert row.attributes["cell_id"] == 0x0615F801
    assert position.attributes["ignition"] is True


@pytest.mark.parametrize("rest", ["", "01", "8001CC", "09", "00", "FF01", "0901CC00"])
@pytest.mark.parametrize("kind", [0x12, 0x22, 0x16, 0xA0, 0xA4])
def test_a_short_end_costs_attributes_but_never_the_position(
    kind: int, rest: str
) -> None:
    content = gt06_position(NOW) + bytes.fromhex(rest)
    assert fix(GT06, gt06(kind, content)).fix_time == NOW


def test_a_position_without_a_lock_says_so() -> None:
    row = fix(GT06, gt06(0x12, gt06_position(NOW, located=False)))
    assert row.attributes["valid"] is False


def test_gt06_positions_are_answered_only_when_stored() -> None:
    packet = report(GT06, gt06(0x12, gt06_position(NOW), serial=0x11))
    stored = packet.answer(1)
    assert stored[:-4] == bytes.fromhex("787805120011")
    assert stored == gt06(0x12, b"", serial=0x11)
    assert packet.answer(0) == b""


def test_gt06_heartbeats_are_answered_and_say_how_the_vehicle_is() -> None:
    beat = gt06(0x13, bytes.fromhex("6704030001"), serial=0x11)
    assert decode(GT06, beat) == Notice(
        gt06(0x13, b"", serial=0x11),
        {
            "ignition": True,
            "charging": True,
            "fuel_cut": False,
            "voltage_level": 4,
            "gsm_level": 3,
            "alarm": "sos",
        },
    )
    other = gt06(0x23, bytes.fromhex("6704030001"), serial=0x11)
    assert decode(GT06, other) == Notice(gt06(0x23, b"", serial=0x11))


@pytest.mark.parametrize(
    ("content", "ignition"), [("", None), ("02", True), ("800403", False)]
)
def test_a_short_heartbeat_says_what_it_can(
    content: str, ignition: bool | None
) -> None:
    packet = decode(GT06, gt06(0x13, bytes.fromhex(content)))
    assert isinstance(packet, Notice)
    assert packet.status.get("ignition") is ignition
    assert "voltage_level" not in packet.status


@pytest.mark.parametrize(("kind", "cell"), [(0x19, GT06_CELL), (0xA5, GT06_CELL_4G)])
def test_an_alarm_under_a_roof_names_its_cell_and_its_reason(
    kind: int, cell: bytes
) -> None:
    packet = decode(GT06, gt06(kind, cell + bytes.fromhex("6704030102"), serial=7))
    assert isinstance(packet, Event)
    assert packet.answer == gt06(kind, b"", serial=7)
    assert packet.attributes["alarm"] == "sos"
    assert packet.attributes["ignition"] is True
    assert packet.attributes["cell_id"] in (0x1FB8, 0x0615F801)


def test_an_alarm_that_cannot_be_read_is_one_all_the_same() -> None:
    packet = decode(GT06, gt06(0x19, b"\x01"))
    assert isinstance(packet, Event)
    assert packet.attributes == {"rest": "01", "alarm": "unspecified"}


def test_gt06_asks_for_the_time_in_utc() -> None:
    packet = decode(GT06, gt06(0x8A, b"", serial=6))
    assert packet == Notice(gt06(0x8A, bytes([26, 11, 23, 10, 0, 0]), serial=6))


def test_gt06_long_packets_have_two_bytes_of_length() -> None:
    assert decode(GT06, gt06(0x94, b"\x00" * 300, long=True)) == Notice()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (GT06_LOGIN_EXAMPLE[:-3] + b"\x00\x0d\x0a", "wrong_checksum"),
        (GT06_LOGIN_EXAMPLE[:-1] + b"\x00", "wrong_length"),
        (b"\x78\x78\x00\x0d\x0a", "wrong_length"),
        (GT06_LOGIN_EXAMPLE[:-1], "truncated"),
        (b"\x78\x79", "invalid_frame"),
        (b"GET / HTTP/1.1", "invalid_frame"),
        (b"\x79\x79\xff\xff", "frame_too_large"),
        (gt06(0x77, b"something"), "unknown_type"),
        (gt06(0x12, b"short"), "truncated"),
        (gt06(0x01, bytes.fromhex("035630704244ABCD")), "invalid_identifier"),
        (gt06(0x01, b""), "truncated"),
    ],
)
def test_gt06_refuses_what_is_no_packet(data: bytes, code: str) -> None:
    assert refusal(GT06, data).code == code


def test_a_date_that_is_none_costs_its_row() -> None:
    content = bytes([26, 13, 1, 0, 0, 0]) + gt06_position(NOW)[6:]
    (row,) = report(GT06, gt06(0x12, content)).rows
    assert isinstance(row, Rejection)
    assert row.code == "invalid_timestamp"
