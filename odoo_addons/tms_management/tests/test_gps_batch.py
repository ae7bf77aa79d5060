"""A batch is judged row by row: a bad row never costs a good one."""

import json
from datetime import datetime

from odoo.tests import BaseCase

from ..models.gps_batch import (
    MAX_ROWS,
    InvalidRow,
    identifier_of,
    parse_batch,
    parse_position,
)
from ..models.gps_signature import CallRefused
from .gps_common import batch, position

NOW = datetime(2026, 11, 23, 10, 0)


def row(**values):
    times = {"fix_time": "2026-11-23T09:59:00Z", "received_at": "2026-11-23T09:59:01Z"}
    return position(**{**times, **values})


class TestGpsBatch(BaseCase):
    def test_the_widest_values_that_the_service_accepts_are_taken(self):
        widest = row(speed_kmh=3600, course=360, accuracy_m=1e7, altitude_m=-12_000)
        fix = parse_position(widest, NOW)
        self.assertEqual((fix.speed_kmh, fix.accuracy_m), (3600, 1e7))
        self.assertEqual(fix.altitude_m, -12_000)

    def test_rows_of_a_batch_come_out_unchecked(self):
        self.assertEqual(parse_batch(batch({"any": "thing"}, 7)), [{"any": "thing"}, 7])

    def test_bodies_that_are_no_batch(self):
        uuid = "0d6bcb54-6b46-4a2e-8a3c-0b1f3a5f0c11"
        bodies = {
            "empty": b"",
            "not JSON": b"{",
            "not UTF-8": b"\xff\xfe\xfd",
            "nested too deep": b"[" * 100_000,
            "a list": b"[]",
            "no positions": json.dumps({"batch_id": uuid}).encode(),
            "positions no list": json.dumps(
                {"batch_id": uuid, "positions": {}}
            ).encode(),
            "no batch_id": b'{"positions": []}',
            "batch_id no text": b'{"batch_id": 7, "positions": []}',
            "batch_id no UUID": b'{"batch_id": "seven", "positions": []}',
        }
        for name, body in bodies.items():
            with self.subTest(name), self.assertRaises(CallRefused) as refused:
                parse_batch(body)
            self.assertEqual(refused.exception.status, 400)
            self.assertEqual(refused.exception.code, "invalid_body")

    def test_five_hundred_positions_are_the_most(self):
        self.assertEqual(len(parse_batch(batch(*[{}] * MAX_ROWS))), MAX_ROWS)
        with self.assertRaises(CallRefused) as refused:
            parse_batch(batch(*[{}] * (MAX_ROWS + 1)))
        self.assertEqual(refused.exception.status, 413)
        self.assertEqual(refused.exception.code, "too_many_positions")

    def test_a_good_row(self):
        fix = parse_position(row(vehicle_identifier="mh-12 ab 1234"), NOW)
        self.assertEqual(fix.vehicle_identifier, "MH12AB1234")
        self.assertEqual(fix.fix_time, datetime(2026, 11, 23, 9, 59))
        self.assertEqual((fix.latitude, fix.longitude), (18.52, 73.85))

    def test_times_of_other_zones_become_utc(self):
        fix = parse_position(row(fix_time="2026-11-23T15:29:00+05:30"), NOW)
        self.assertEqual(fix.fix_time, datetime(2026, 11, 23, 9, 59))

    def test_what_a_tracker_does_not_know_may_be_null_or_left_out(self):
        without_speed = row(course=None, accuracy_m=None, altitude_m=None)
        del without_speed["speed_kmh"]
        fix = parse_position(without_speed, NOW)
        self.assertEqual(
            (fix.speed_kmh, fix.course, fix.accuracy_m, fix.altitude_m), (None,) * 4
        )

    def test_bad_rows_name_the_field(self):
        cases = [
            ("vehicle_identifier", None),
            ("vehicle_identifier", 7),
            ("vehicle_identifier", "- -"),
            ("latitude", None),
            ("latitude", "18.5"),
            ("latitude", True),
            ("latitude", 90.1),
            ("latitude", float("nan")),
            ("latitude", 10**400),
            ("longitude", -180.5),
            ("longitude", float("inf")),
            ("speed_kmh", -1),
            ("speed_kmh", "fast"),
            ("course", 361),
            ("accuracy_m", -3),
            ("altitude_m", 1e9),
            ("fix_time", None),
            ("fix_time", 1780000000),
            ("fix_time", "yesterday"),
            ("fix_time", "2026-11-23T10:00:00"),
            ("fix_time", "0001-01-01T00:00:00+14:00"),
            ("fix_time", "2026-11-24T10:00:01Z"),
            ("received_at", "2026-13-01T00:00:00Z"),
        ]
        for field, value in cases:
            with self.subTest(field=field, value=value):
                with self.assertRaisesRegex(InvalidRow, f"^{field}: "):
                    parse_position(row(**{field: value}), NOW)

    def test_a_row_that_is_no_object(self):
        with self.assertRaisesRegex(InvalidRow, "^position: "):
            parse_position(["MH12AB1234"], NOW)

    def test_the_answer_repeats_the_identifier_where_there_is_one(self):
        self.assertEqual(identifier_of({"vehicle_identifier": "A" * 100}), "A" * 64)
        self.assertIsNone(identifier_of({"vehicle_identifier": 7}))
        self.assertIsNone(identifier_of("MH12AB1234"))
