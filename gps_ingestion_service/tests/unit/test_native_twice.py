"""The native format is read in two ways; nobody can tell which one it was."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import any_text

from gps_ingestion_service.fix import Fix, Rejection
from gps_ingestion_service.formats import Message
from gps_ingestion_service.formats.native import FORMAT, decode_row

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
GOOD = {"latitude": 18.52, "longitude": 73.85, "timestamp": "2026-11-23T10:00:00Z"}

numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-200, 200),
    st.floats(-200, 2000, allow_nan=False),
    st.sampled_from([360, 360.0, -0.0, 1e9, 10**400]),
)
texts = st.one_of(
    st.none(),
    st.integers(),
    st.sampled_from(
        [
            "2026-11-23T10:00:00Z",
            "2026-11-23T10:00:00.123456789+05:30",
            "2026-11-23T10:00:00.9999999Z",
            " 2026-11-23 10:00:00+00:00 ",
            "20261123T100000Z",
            "2026-11-23T10:00:00",
            "0001-01-01T00:00:00+23:59",
            "MH12AB1234",
            "phone-1",
            "",
            "a b",
            "\ud800",
        ]
    ),
    any_text(8),
)
attributes = st.one_of(
    st.none(),
    st.integers(),
    st.dictionaries(any_text(3), st.one_of(any_text(3), numbers)),
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "latitude": numbers,
        "longitude": numbers,
        "timestamp": texts,
        "device_id": texts,
        "vehicle_identifier": texts,
        "speed": numbers,
        "course": numbers,
        "altitude": numbers,
        "accuracy": numbers,
        "attributes": attributes,
        "battery": st.integers(0, 100),
    },
)


def read(document: object) -> list[Fix | Rejection]:
    message = Message(
        body=json.dumps(document).encode(), content_type="application/json"
    )
    return list(FORMAT.decode(message, NOW, 100).rows)


@given(st.lists(st.one_of(rows, rows.map(lambda row: {**GOOD, **row}))))
def test_a_batch_is_read_as_each_of_its_rows(batch: list[dict[str, Any]]) -> None:
    assert read(batch) == [decode_row(row) for row in batch]


@given(texts)
def test_a_time_is_the_same_whatever_else_is_in_the_batch(time: object) -> None:
    item = {**GOOD, "timestamp": time}
    assert read([item])[0] == read([item, {"latitude": "north"}])[0]


@pytest.mark.parametrize("bad", [{}, {"latitude": 91}, {"device_id": "a b"}])
def test_a_rejected_row_is_kept_as_it_was_sent(bad: dict[str, Any]) -> None:
    sent = [GOOD, {**GOOD, **bad}]
    body = msgspec.json.encode(sent)
    decoded = FORMAT.decode(
        Message(body=body, content_type="application/json"), NOW, 100
    )
    assert decoded.part is not None
    assert json.loads(decoded.part(1)) == sent[1]


def test_one_object_is_a_batch_of_one() -> None:
    assert read(GOOD) == [decode_row(GOOD)]
