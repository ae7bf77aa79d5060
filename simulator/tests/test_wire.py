"""Fixes become what real devices send; answers become verdicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from simulator.fleet import WireFormat
from simulator.tracker import Fix
from simulator.wire import (
    Answered,
    Refused,
    Reply,
    Request,
    TryLater,
    encode,
    understand,
)

FIX = Fix(
    device_id="dev-1",
    timestamp=1_780_000_000,
    latitude=18.52,
    longitude=73.85,
    speed_ms=15.0,
    course_deg=120.5,
    accuracy_m=4.5,
    attributes={"ignition": True, "motion": True, "odometer_m": 5, "power_v": 27.9},
)
PHONE = replace(
    FIX,
    attributes={
        "ignition": False,
        "motion": True,
        "odometer_m": 5,
        "battery_level": 0.42,
        "charging": True,
    },
)
STANDING = replace(PHONE, course_deg=None, speed_ms=0.0, attributes={"motion": False})


def http(wire_format: WireFormat, token: str, fixes: Sequence[Fix]) -> Request:
    request = encode(wire_format, token, fixes)
    assert isinstance(request, Request)
    return request


def test_native_is_a_json_array_with_metres_per_second() -> None:
    request = http("native", "secret", [FIX, STANDING])

    assert (request.method, request.path) == ("POST", "/v1/positions")
    assert ("Authorization", "Bearer secret") in request.headers
    rows = json.loads(request.body or b"")
    assert rows[0] == {
        "device_id": "dev-1",
        "latitude": 18.52,
        "longitude": 73.85,
        "timestamp": "2026-05-28T20:26:40Z",
        "speed": 15.0,
        "course": 120.5,
        "accuracy": 4.5,
        "attributes": FIX.attributes,
    }
    assert "course" not in rows[1]


def test_osmand_is_a_query_with_knots() -> None:
    request = http("osmand", "secret", [PHONE])

    assert (request.method, request.path, request.body) == ("GET", "/v1/osmand", None)
    query = dict(request.query)
    assert query == {
        "id": "dev-1",
        "token": "secret",
        "timestamp": "1780000000",
        "lat": "18.520000",
        "lon": "73.850000",
        "speed": "29.158",
        "accuracy": "4.5",
        "bearing": "120.5",
        "ignition": "false",
        "motion": "true",
        "odometer_m": "5",
        "batt": "42",
        "charge": "true",
    }
    assert "bearing" not in dict(http("osmand", "secret", [STANDING]).query)


def test_traccar_client_9_sends_a_json_body() -> None:
    request = http("traccar-json", "secret", [PHONE])

    assert (request.method, request.path) == ("POST", "/v1/osmand")
    assert request.query == (("token", "secret"),)
    assert json.loads(request.body or b"") == {
        "device_id": "dev-1",
        "location": {
            "timestamp": "2026-05-28T20:26:40Z",
            "coords": {
                "latitude": 18.52,
                "longitude": 73.85,
                "accuracy": 4.5,
                "speed": 15.0,
                "heading": 120.5,
            },
            "is_moving": True,
            "odometer": 5,
            "event": "",
            "battery": {"level": 0.42, "is_charging": True},
            "activity": {"type": "in_vehicle"},
            "extras": {"ignition": False},
        },
    }


def test_traccar_client_sends_a_backlog_as_an_array_and_unknowns_below_zero() -> None:
    request = http("traccar-json", "secret", [PHONE, STANDING])
    locations = json.loads(request.body or b"")["location"]
    assert len(locations) == 2
    assert locations[1]["coords"]["heading"] == -1
    assert locations[1]["battery"]["level"] == -1
    assert locations[1]["activity"] == {"type": "still"}


@pytest.mark.parametrize("count", [0, 2])
def test_a_format_carries_only_so_many_fixes(count: int) -> None:
    with pytest.raises(ValueError, match="osmand carries 1 to 1 fixes"):
        encode("osmand", "secret", [FIX] * count)


def body(*statuses: str, **extra: Any) -> bytes:
    results = [{"index": i, "status": s, **extra} for i, s in enumerate(statuses)]
    return json.dumps({"results": results}).encode()


ERROR = b'{"error": {"code": "unknown_device", "message": "no such device"}}'


@pytest.mark.parametrize(
    ("wire_format", "status", "answer", "reply"),
    [
        (
            "native",
            200,
            body("accepted", "duplicate"),
            Answered(("accepted", "duplicate")),
        ),
        (
            "native",
            200,
            body("accepted", "rejected", code="c", reason="r"),
            Answered(("accepted", "rejected"), "c: r"),
        ),
        ("osmand", 200, b"", Answered(("accepted", "accepted"))),
        ("traccar-json", 200, b"[]", Answered(("accepted", "accepted"))),
        ("native", 401, b"", Refused(401, "HTTP 401")),
        ("native", 404, b"nginx", Refused(404, "HTTP 404")),
        ("osmand", 400, ERROR, Refused(400, "400 unknown_device: no such device")),
        (
            "osmand",
            400,
            b'{"error": {"code": "bad", "message": "m"}}',
            Answered(("rejected", "rejected"), "400 bad: m"),
        ),
        ("native", 503, b"", TryLater("HTTP 503", 7.0)),
        ("native", 500, b"", TryLater("HTTP 500", 7.0)),
        ("native", 429, b"", TryLater("HTTP 429", 7.0)),
        ("native", 302, b"", TryLater("HTTP 302", 7.0)),
    ],
)
def test_an_answer_is_understood(
    wire_format: Any, status: int, answer: bytes, reply: Reply
) -> None:
    assert understand(wire_format, 2, status, answer, "7") == reply


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        body("accepted"),
        body("accepted", "accepted", "accepted"),
        body("accepted", "stored"),
        b'{"results": [{"index": -1, "status": "accepted"}]}',
    ],
)
def test_an_answer_that_is_not_understood_acknowledges_nothing(answer: bytes) -> None:
    assert isinstance(understand("native", 2, 200, answer, ""), TryLater)


@pytest.mark.parametrize("header", ["", "soon", "-1", "1e9", "nan"])
def test_a_senseless_retry_after_is_ignored(header: str) -> None:
    reply = understand("native", 1, 503, b"", header)
    assert reply == TryLater("HTTP 503", None)
