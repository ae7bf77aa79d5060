"""The expected arrival of a trip: told by the GPS service, shown on trip and map."""

from datetime import timedelta

from odoo import fields
from odoo.tests import BaseCase, tagged

from ..models.gps_batch import InvalidRow
from ..models.gps_event_batch import parse_event
from .common import TmsCase
from .gps_common import GpsFactory, arrival, event, position


class TestArrivalRow(BaseCase):
    def test_an_arrival_that_cannot_be_read_is_refused(self):
        good = {"eta": "2026-11-24T10:00:00Z", "remaining_km": 5, "progress": 0.5}
        for name, value in [
            ("eta", "soon"),
            ("remaining_km", -1),
            ("remaining_km", None),
            ("progress", 1.5),
        ]:
            with self.subTest(name, value=value):
                with self.assertRaises(InvalidRow) as refused:
                    parse_event(event(kind="trip", data={**good, name: value}))
                self.assertIn(name, str(refused.exception))

    def test_a_trip_that_was_not_seen_yet_has_no_arrival(self):
        self.assertIsNone(parse_event(event(kind="trip", data={})).arrival)


@tagged("post_install", "-at_install")
class TestTripArrival(GpsFactory, TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trip = cls.make_trip("in_transit")

    def tell(self, *rows):
        results = self.env["tms.gps.event"]._apply_batch(rows)
        return [result["status"] for result in results]

    def test_a_trip_knows_its_expected_arrival(self):
        row = arrival(self.trip, 2)
        self.assertEqual(self.tell(row), ["stored"])
        told = fields.Datetime.to_string(self.trip.expected_arrival)
        self.assertEqual(told, row["data"]["eta"][:19].replace("T", " "))
        self.assertEqual(self.trip.remaining_km, 88.4)
        self.assertEqual(self.trip.percent_done, 41.1)
        self.assertFalse(self.trip.late)

    def test_an_older_revision_changes_nothing(self):
        row = arrival(self.trip, 2, revision=2)
        self.tell(row)
        before = self.trip.expected_arrival
        older = arrival(self.trip, 5)
        self.assertEqual(self.tell(dict(older, uuid=row["uuid"])), ["stale"])
        self.assertEqual(self.trip.expected_arrival, before)

    def test_a_trip_that_arrives_after_its_planned_end_is_late(self):
        self.tell(arrival(self.trip, 9))
        self.assertTrue(self.trip.late)
        self.trip.planned_end = fields.Datetime.now() + timedelta(hours=10)
        self.assertFalse(self.trip.late)
        late = self.env["tms.trip"].search([("late", "=", True)])
        self.assertNotIn(self.trip, late)

    def test_a_moving_arrival_is_no_change_of_the_trip(self):
        before = self.trip.write_date
        self.tell(arrival(self.trip, 2))
        self.assertEqual(self.trip.write_date, before)

    def test_only_the_trip_of_that_truck_that_is_under_way(self):
        over = self.make_trip("delivered")
        elsewhere = arrival(self.trip, 2, uuid="0f4b8a52-96d0-4b0e-9bd8-0d8d4fd8f0aa")
        elsewhere["vehicle_identifier"] = over.vehicle_id.license_plate
        self.assertEqual(self.tell(arrival(over, 2), elsewhere), ["stored"] * 2)
        self.assertFalse(over.expected_arrival)
        self.assertFalse(self.trip.expected_arrival)

    def test_the_map_tells_the_arrival_with_the_position(self):
        plate = self.trip.vehicle_id.license_plate
        self.apply(position(plate))
        [fix] = self.shown()
        self.assertIsNone(fix["arrival"])
        self.tell(arrival(self.trip, 9))
        [fix] = self.shown()
        self.assertEqual(fix["arrival"]["remaining_km"], 88.4)
        self.assertTrue(fix["arrival"]["late"])
        self.assertTrue(fix["arrival"]["expected_at"].endswith("Z"))
        self.advance(self.trip, "delivered")
        [fix] = self.shown()
        self.assertIsNone(fix["arrival"])

    def shown(self):
        answer = self.env["tms.vehicle.position"].get_live_map()
        vehicle = self.trip.vehicle_id
        return [p for p in answer["positions"] if p["vehicle_id"] == vehicle.id]
