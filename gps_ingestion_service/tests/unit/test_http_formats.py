"""The formats over HTTP by themselves: pure, total, strict about units and types."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import any_text

from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.formats import (
    HTTP_FORMATS,
    Decoded,
    DecodeError,
    Message,
    recognise,
)
from gps_ingestion_service.formats.native import decode_row

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
GOOD = {"latitude": 18.5, "longitude": 73.8, "timestamp": "2026-11-23T10:00:00Z"}

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(any_text(10), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    "device_id vehicle_identifier latitude longitude timestamp speed course altitude "
    "accuracy attributes other".split()
)


def decode(name: str, **message: Any) -> Decoded:
    return HTTP_FORMATS[name].decode(Message(**message), NOW, 100)


def osmand(query: str) -> Fix | Rejection:
    return decode("osmand", query=f"id=phone&{query}").rows[0]


def traccar(location: object) -> Decoded:
    body = json.dumps({"device_id": "phone", "location": location}).encode()
    return decode("traccar-client", body=body)


def rejection(row: object) -> tuple[str, str | None]:
    assert isinstance(row, Rejection), row
    return row.code, row.field


@given(st.dictionaries(field_names, any_json) | any_json)
def test_native_never_fails_and_never_lets_a_wrong_value_through(item: object) -> None:
    row = decode_row(item)
    if isinstance(row, Rejection):
        assert row.code and row.reason
        return
    assert -90 <= row.latitude <= 90
    assert -180 <= row.longitude <= 180
    assert row.fix_time.utcoffset() == timedelta(0)
    assert row.course is None or 0 <= row.course < 360
    assert row.speed is None or math.isfinite(row.speed)
    json.dumps(dict(row.attributes), allow_nan=False).encode()


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_native_keeps_every_digit(
    latitude: float, longitude: float, fix_time: datetime
) -> None:
    row = decode_row(
        {
            "latitude": latitude,
            "longitude": longitude,
            "timestamp": fix_time.isoformat(),
        }
    )
    assert isinstance(row, Fix)
    assert (row.latitude, row.longitude) == (latitude, longitude)
    assert row.fix_time == fix_time


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"latitude": None}, ("missing_field", "latitude")),
        ({"timestamp": None}, ("missing_field", "timestamp")),
        ({"latitude": True}, ("invalid_type", "latitude")),
        ({"longitude": "73.8"}, ("invalid_type", "longitude")),
        ({"longitude": 180.1}, ("out_of_range", "longitude")),
        ({"latitude": -90.1}, ("out_of_range", "latitude")),
        ({"latitude": 10**400}, ("out_of_range", "latitude")),
        ({"speed": -1}, ("out_of_range", "speed")),
        ({"course": 361}, ("out_of_range", "course")),
        ({"altitude": "x"}, ("invalid_type", "altitude")),
        ({"accuracy": -1}, ("out_of_range", "accuracy")),
        ({"timestamp": 1780000000}, ("invalid_type", "timestamp")),
        ({"timestamp": "noon"}, ("invalid_timestamp", "timestamp")),
        ({"timestamp": "2026-11-23T10:00:61Z"}, ("invalid_timestamp", "timestamp")),
        ({"timestamp": "2026-11-23"}, ("timestamp_without_zone", "timestamp")),
        ({"timestamp": "2026-11-23T10:00:00"}, ("timestamp_without_zone", "timestamp")),
        (
            {"timestamp": "0001-01-01T00:00:00+23:00"},
            ("invalid_timestamp", "timestamp"),
        ),
        ({"attributes": []}, ("invalid_type", "attributes")),
        ({"attributes": {"a": "\x00"}}, ("invalid_text", "attributes")),
        ({"attributes": {"\ud800": 1}}, ("invalid_text", "attributes")),
        ({"attributes": {"a": math.nan}}, ("not_finite", "attributes")),
        ({"attributes": {"a": "x" * 9000}}, ("attributes_too_large", "attributes")),
        (
            {"attributes": json.loads('{"a":' * 10 + "1" + "}" * 10)},
            ("nested_too_deeply", "attributes"),
        ),
        ({"extra": "\x00"}, ("invalid_text", "attributes")),
    ],
)
def test_native_names_what_is_wrong(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert rejection(decode_row({**GOOD, **change})) == expected


@pytest.mark.parametrize("item", [None, 1, "x", [1]])
def test_a_native_row_is_an_object(item: object) -> None:
    assert rejection(decode_row(item)) == ("invalid_row", None)


def test_native_times_are_converted_to_utc() -> None:
    row = decode_row({**GOOD, "timestamp": "2026-11-23T15:30:00+05:30"})
    assert isinstance(row, Fix)
    assert row.fix_time == NOW
    assert row.fix_time.tzinfo is UTC


def test_a_course_of_360_is_north() -> None:
    row = decode_row({**GOOD, "course": 360})
    assert isinstance(row, Fix)
    assert row.course == 0


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(GOOD).encode()
    assert isinstance(decode("native", body=body).rows[0], Fix)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795428000", datetime(2026, 11, 23, 10, 0, tzinfo=UTC)),
        ("1795428000.5", datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("1795428000123", datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2147483646", datetime(2038, 1, 19, 3, 14, 6, tzinfo=UTC)),
        ("2147483647", datetime(1970, 1, 25, 20, 31, 23, 647_000, tzinfo=UTC)),
        ("2026-11-23T10:00:00Z", NOW),
        ("2026-11-23%2010:00:00", NOW),
        ("", NOW),
    ],
)
def test_osmand_times(text: str, expected: datetime) -> None:
    row = osmand(f"lat=1&lon=2&timestamp={text}")
    assert isinstance(row, Fix)
    assert row.fix_time == expected


def test_an_osmand_time_without_a_zone_is_kept_as_the_clock_showed_it() -> None:
    local = osmand("lat=1&lon=2&timestamp=2026-11-23%2010:00:00")
    assert isinstance(local, Fix)
    assert local.sent_time == NOW
    assert local.attributes == {"announced_offset_minutes": 0}
    for text in ("1795428000", "2026-11-23T10:00:00Z", ""):
        zoned = osmand(f"lat=1&lon=2&timestamp={text}")
        assert isinstance(zoned, Fix)
        assert (zoned.sent_time, zoned.attributes) == (None, {})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("lat=1", ("missing_field", "lon")),
        ("lon=1", ("missing_field", "lat")),
        ("location=1", ("invalid_type", "location")),
        ("lat=nan&lon=1", ("not_finite", "lat")),
        ("lat=1e9999&lon=1", ("not_finite", "lat")),
        ("lat=1_0&lon=1", ("invalid_type", "lat")),
        ("lat=1&lon=2&timestamp=soon", ("invalid_timestamp", "timestamp")),
        ("lat=1&lon=2&timestamp=9e99", ("invalid_timestamp", "timestamp")),
        ("lat=1&lon=2&timestamp=nan", ("not_finite", "timestamp")),
        (
            "lat=1&lon=2&timestamp=2026-11-23T10:00:00",
            ("timestamp_without_zone", "timestamp"),
        ),
        ("lat=1&lon=2&heading=400", ("out_of_range", "bearing")),
        ("lat=1&lon=2&note=%00", ("invalid_text", "attributes")),
    ],
)
def test_osmand_names_what_is_wrong(query: str, expected: tuple[str, str]) -> None:
    assert rejection(osmand(query)) == expected


def test_osmand_keeps_the_rest_typed_and_forgets_the_token() -> None:
    row = osmand(
        "lat=1&lon=2&token=secret&charge=true&valid=0&batt=81.5&hdop=low&"
        "driverUniqueId=D7&speed=-1&bearing=-1&accuracy=-1&charging=maybe"
    )
    assert isinstance(row, Fix)
    assert row.attributes == {
        "charge": True,
        "valid": False,
        "batt": 81.5,
        "hdop": "low",
        "driverUniqueId": "D7",
        "charging": "maybe",
    }
    assert (row.speed, row.course, row.accuracy) == (None, None, None)


@given(any_text(80), st.binary(max_size=80))
def test_osmand_answers_any_text(query: str, body: bytes) -> None:
    try:
        decoded = decode("osmand", query=query, body=body)
    except DecodeError as error:
        assert error.status == 400
    else:
        assert decoded.device_id and len(decoded.rows) <= 1


def test_traccar_client_reads_units_and_unknowns() -> None:
    location = {
        "timestamp": "2026-11-23T10:00:00.000Z",
        "coords": {
            "latitude": 18.6,
            "longitude": 73.9,
            "accuracy": 5,
            "speed": -1,
            "heading": -1,
            "altitude": 560,
            "altitude_accuracy": 3,
        },
        "is_moving": True,
        "odometer": 1234.5,
        "uuid": "u",
        "battery": {"level": 0.76, "is_charging": False},
        "activity": {"type": "in_vehicle"},
        "extras": {},
    }
    (row,) = traccar(location).rows
    assert isinstance(row, Fix)
    assert (row.speed, row.course, row.altitude) == (None, None, 560)
    assert row.attributes == {
        "is_moving": True,
        "odometer": 1234.5,
        "uuid": "u",
        "battery_level": 0.76,
        "charging": False,
        "activity": "in_vehicle",
        "altitude_accuracy": 3,
    }


@pytest.mark.parametrize("stamp", [1795428000, 1795428000000])
def test_traccar_client_may_send_a_number_as_time(stamp: int) -> None:
    coords = {"latitude": 1, "longitude": 2}
    (row,) = traccar({"timestamp": stamp, "coords": coords}).rows
    assert isinstance(row, Fix)
    assert row.fix_time == NOW


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("x", ("invalid_row", "location")),
        ({"coords": 1}, ("invalid_type", "coords")),
        ({"coords": {"longitude": 1}}, ("missing_field", "latitude")),
        (
            {"coords": {"latitude": 1, "longitude": 2}},
            ("missing_field", "timestamp"),
        ),
        (
            {"coords": {"latitude": 1, "longitude": 2}, "timestamp": True},
            ("invalid_type", "timestamp"),
        ),
    ],
)
def test_traccar_client_names_what_is_wrong(
    location: object, expected: tuple[str, str]
) -> None:
    assert rejection(traccar(location).rows[0]) == expected


@pytest.mark.parametrize("body", [b"[]", b"1", b"{}", b'{"device_id": 5}', b"{x"])
def test_traccar_client_refuses_what_names_no_device(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode("traccar-client", body=body)
    assert caught.value.status == 400


def test_traccar_client_limits_the_rows_of_a_message() -> None:
    with pytest.raises(DecodeError) as caught:
        traccar([{}] * 101)
    assert (caught.value.code, caught.value.status) == ("too_many_rows", 413)


def test_a_message_that_no_format_claims_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(HTTP_FORMATS, "osmand")
    with pytest.raises(DecodeError, match="no known format"):
        recognise(Message(query="id=1"))


@given(any_json)
def test_traccar_client_answers_any_location(location: object) -> None:
    try:
        decoded = traccar(location)
    except (DecodeError, UnicodeEncodeError):
        return
    for row in decoded.rows:
        assert isinstance(row, Fix | Rejection)
