"""OwnTracks and Traccar's forwarding by themselves, and what tells formats apart."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import any_text
from test_http_formats import any_json

from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.formats import (
    HTTP_FORMATS,
    Decoded,
    DecodeError,
    Message,
    recognise,
)

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
LOCATION = {
    "_type": "location",
    "lat": 18.5204,
    "lon": 73.8567,
    "tst": 1795428000,
    "vel": 54,
    "cog": 121,
    "alt": 560,
    "acc": 8,
    "batt": 76,
    "tid": "JP",
}
POSITION = {
    "id": 0,
    "deviceId": 7,
    "protocol": "teltonika",
    "serverTime": "2026-11-23T10:00:02.000+00:00",
    "deviceTime": "2026-11-23T10:00:00.000+00:00",
    "fixTime": "2026-11-23T10:00:00.000+00:00",
    "valid": True,
    "latitude": 18.5204,
    "longitude": 73.8567,
    "altitude": 560.0,
    "speed": 10.0,
    "course": 121.0,
    "accuracy": 0.0,
    "network": None,
    "geofenceIds": [3, 4],
    "attributes": {"ignition": True, "sat": 9},
}
DEVICE = {"id": 7, "uniqueId": "356307042441013", "name": "MH12", "phone": None}


def decode(name: str, **message: Any) -> Decoded:
    return HTTP_FORMATS[name].decode(Message(**message), NOW, 100)


def owntracks(document: object, **message: Any) -> Decoded:
    return decode("owntracks", body=json.dumps(document).encode(), **message)


def forwarded(document: object) -> Decoded:
    return decode("traccar-forward", body=json.dumps(document).encode())


def only(decoded: Decoded) -> Fix:
    (row,) = decoded.rows
    assert isinstance(row, Fix), row
    return row


def rejected(decoded: Decoded) -> tuple[str, str | None]:
    (row,) = decoded.rows
    assert isinstance(row, Rejection), row
    return row.code, row.field


def test_owntracks_sends_kilometres_per_hour() -> None:
    row = only(owntracks(LOCATION))
    assert (row.latitude, row.longitude, row.fix_time) == (18.5204, 73.8567, NOW)
    assert row.speed == pytest.approx(15)
    assert (row.course, row.altitude, row.accuracy) == (121, 560, 8)
    assert row.attributes == {"batt": 76, "tid": "JP"}


def test_owntracks_says_unknown_with_minus_one() -> None:
    row = only(owntracks({**LOCATION, "vel": -1, "cog": -1, "acc": -1, "alt": None}))
    assert (row.speed, row.course, row.accuracy, row.altitude) == (None,) * 4


@pytest.mark.parametrize(
    ("document", "message", "device_id"),
    [
        ({"topic": "owntracks/jane/phone"}, {"user": "a", "device": "b"}, "jane:phone"),
        ({"topic": "owntracks/jane/phone/event"}, {}, "jane:phone"),
        ({}, {"user": "jane", "device": "phone"}, "jane:phone"),
        ({}, {"query": "u=jane&d=phone"}, "jane:phone"),
        ({"topic": "jane"}, {}, "JP"),
        ({"topic": 5}, {}, "JP"),
    ],
)
def test_owntracks_is_named_by_topic_then_headers_then_query_then_tracker_id(
    document: dict[str, Any], message: dict[str, str], device_id: str
) -> None:
    assert owntracks({**LOCATION, **document}, **message).device_id == device_id


@pytest.mark.parametrize(
    "kind", ["transition", "waypoint", "lwt", "status", "steps", "card", "encrypted"]
)
def test_whatever_else_owntracks_sends_is_no_fix(kind: str) -> None:
    assert owntracks({**LOCATION, "_type": kind}).rows == []


def test_an_empty_owntracks_message_is_legal() -> None:
    assert decode("owntracks", body=b" ") == Decoded(rows=[])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lat": None}, ("missing_field", "lat")),
        ({"tst": None}, ("missing_field", "tst")),
        ({"lon": 181}, ("out_of_range", "lon")),
        ({"lat": "1"}, ("invalid_type", "lat")),
        ({"tst": "noon"}, ("invalid_type", "tst")),
        ({"vel": 4000}, ("out_of_range", "vel")),
    ],
)
def test_owntracks_names_what_is_wrong(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert rejected(owntracks({**LOCATION, **change})) == expected


def test_what_is_no_fix_needs_no_sender() -> None:
    assert owntracks({"_type": "lwt", "tst": 1}) == Decoded(rows=[])


@pytest.mark.parametrize(
    "document", [[], {}, {"_type": 1}, {"_type": "location"}, "location"]
)
def test_owntracks_refuses_what_has_no_type_or_sender(document: object) -> None:
    with pytest.raises(DecodeError):
        owntracks(document)


def test_traccar_forwards_knots_and_names_its_device() -> None:
    decoded = forwarded({"position": POSITION, "device": DEVICE})
    row = only(decoded)
    assert decoded.device_id == row.device_id == "356307042441013"
    assert (row.latitude, row.longitude, row.fix_time) == (18.5204, 73.8567, NOW)
    assert row.speed == pytest.approx(5.14444, abs=1e-5)
    assert (row.course, row.altitude, row.accuracy) == (121, 560, None)
    assert row.attributes == {
        "deviceId": 7,
        "protocol": "teltonika",
        "serverTime": "2026-11-23T10:00:02.000+00:00",
        "deviceTime": "2026-11-23T10:00:00.000+00:00",
        "valid": True,
        "geofenceIds": [3, 4],
        "device": {"id": 7, "name": "MH12"},
        "ignition": True,
        "sat": 9,
    }


def test_traccars_cell_towers_are_kept() -> None:
    network = {"radioType": "gsm", "cellTowers": [{"cellId": 1, "signalStrength": -7}]}
    document = {"position": {**POSITION, "network": network}, "device": DEVICE}
    assert only(forwarded(document)).attributes["network"] == network


@pytest.mark.parametrize(
    "device",
    [
        {**DEVICE, "attributes": {"note": "x" * 9000}},
        {**DEVICE, "attributes": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}},
    ],
)
def test_too_long_a_description_of_a_device_does_not_cost_the_position(
    device: dict[str, Any],
) -> None:
    row = only(forwarded({"position": POSITION, "device": device}))
    assert "device" not in row.attributes
    assert row.attributes["ignition"] is True


QUERY = (
    "uniqueId=356307042441013&fixTime=1795428000000&latitude=18.5204&longitude=73.8567"
    "&speed=10.0&course=121.0&altitude=560.0&accuracy=8.0&valid=true"
    "&token=secret&attributes=%7B%22ignition%22%3Atrue%7D"
)


@pytest.mark.parametrize("message", [{"query": QUERY}, {"body": QUERY.encode()}])
def test_traccar_may_forward_in_a_query_or_a_form(message: dict[str, Any]) -> None:
    row = only(decode("traccar-forward", **message))
    assert (row.latitude, row.longitude, row.fix_time) == (18.5204, 73.8567, NOW)
    assert (row.course, row.accuracy) == (121, 8)
    assert row.attributes == {"valid": "true", "ignition": True}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"latitude": None}, ("missing_field", "latitude")),
        ({"fixTime": None}, ("missing_field", "fixTime")),
        ({"fixTime": "soon"}, ("invalid_timestamp", "fixTime")),
        ({"fixTime": []}, ("invalid_type", "fixTime")),
        ({"latitude": 91}, ("out_of_range", "latitude")),
        ({"speed": -1}, ("out_of_range", "speed")),
        ({"attributes": 5}, ("invalid_type", "attributes")),
    ],
)
def test_a_forwarded_position_names_what_is_wrong(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    document = {"position": {**POSITION, **change}, "device": DEVICE}
    assert rejected(forwarded(document)) == expected


@pytest.mark.parametrize(
    "message",
    [
        {"body": b"{}"},
        {"body": b'{"position": {}, "device": {}}'},
        {"body": b'{"position": {}, "device": 1}'},
        {"body": b"{x"},
        {"query": "latitude=1"},
        {"query": "uniqueId=1&attributes=%7B"},
    ],
)
def test_a_forwarded_message_without_a_device_is_refused(
    message: dict[str, Any],
) -> None:
    with pytest.raises(DecodeError):
        decode("traccar-forward", **message)


@given(
    st.sampled_from(["owntracks", "traccar-forward"]),
    st.dictionaries(st.sampled_from([*LOCATION, *POSITION]), any_json),
)
def test_any_document_is_decoded_or_refused(name: str, change: dict[str, Any]) -> None:
    documents = {
        "owntracks": {**LOCATION, **change},
        "traccar-forward": {
            "position": {**POSITION, **change},
            "device": {**DEVICE, **change},
        },
    }
    body = json.dumps(documents[name]).encode()
    try:
        decoded = decode(name, body=body)
    except DecodeError as error:
        assert error.status == 400
    else:
        assert all(isinstance(row, Fix | Rejection) for row in decoded.rows)


@given(st.sampled_from(sorted(HTTP_FORMATS)), any_text(60), st.binary())
def test_any_message_is_decoded_or_refused(name: str, query: str, body: bytes) -> None:
    try:
        decoded = decode(name, query=query, body=body)
    except DecodeError as error:
        assert 400 <= error.status < 500
    else:
        assert all(isinstance(row, Fix | Rejection) for row in decoded.rows)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ("native", {"body": b' [{"latitude": 1}]'}),
        ("native", {"body": b'{"device_id": "1", "latitude": 1}'}),
        ("native", {"body": b"1\n2", "content_type": "application/x-ndjson"}),
        ("owntracks", {"body": b'{"_type": "lwt"}'}),
        ("owntracks", {"user": "jane", "device": "phone"}),
        ("traccar-forward", {"body": b'{"position": {}, "device": {}}'}),
        ("traccar-forward", {"query": "a=1&uniqueId=7"}),
        ("traccar-forward", {"body": b"uniqueId=7&latitude=1"}),
        ("traccar-client", {"body": b'{"device_id": "1", "location": {}}'}),
        ("traccar-client", {"body": b"{broken"}),
        ("osmand", {"query": "id=1&lat=2&lon=3"}),
        ("osmand", {"body": b"id=1&lat=2&lon=3"}),
        ("osmand", {}),
    ],
)
def test_the_shared_url_tells_formats_apart_by_their_content(
    expected: str, message: dict[str, Any]
) -> None:
    assert recognise(Message(**message)).name == expected


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/owntracks", b'{"device_id": "1"}', "owntracks"),
        ("/v1/traccar", b'{"_type": "location"}', "traccar-forward"),
        ("/v1/osmand", b'{"_type": "location"}', "traccar-client"),
        ("/v1/osmand", b"", "osmand"),
    ],
)
def test_a_path_of_its_own_narrows_the_choice(
    path: str, body: bytes, expected: str
) -> None:
    assert recognise(Message(body=body), path).name == expected


def test_each_row_of_a_batch_can_be_told_from_the_others() -> None:
    rows = [{"latitude": 1}, {"latitude": float("nan")}, {"note": "\ud800"}]
    batch = decode("native", body=json.dumps(rows).encode())
    lines = decode(
        "native",
        body=b'{"a": 1}\n\nbroken',
        content_type="application/x-ndjson",
    )
    assert batch.part is not None and lines.part is not None
    assert batch.part(0) == b'{"latitude":1}'
    assert batch.part(1) == b'{"latitude":NaN}'
    assert json.loads(batch.part(2)) == rows[2]
    assert lines.part(1) == b"broken"
    heartbeat: dict[str, Any] = {"event": "x"}
    body = {"device_id": "1", "location": [heartbeat, {"coords": 1}]}
    client = decode("traccar-client", body=json.dumps(body).encode())
    assert client.part is not None
    assert json.loads(client.part(0)) == {"device_id": "1", "location": {"coords": 1}}
