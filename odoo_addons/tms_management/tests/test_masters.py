"""Drivers, places, routes and documents."""

from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import TmsCase


@tagged("post_install", "-at_install")
class TestMasters(TmsCase):
    def assert_violates(self, attempt):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            with self.cr.savepoint():
                attempt()

    def make_document(self, applies_to="vehicle", **values):
        kind = self.env["tms.document.type"].create(
            {"name": f"Test paper {next(self._numbers)}", "applies_to": applies_to}
        )
        return self.env["tms.document"].create(
            {"name": "P-1", "type_id": kind.id, **values}
        )

    def test_driver_needs_a_licence_number(self):
        with self.refused("licence number"):
            self.make_driver(tms_licence_number=" ")
        clerk = self.env["hr.employee"].create({"name": "Test Clerk"})
        with self.refused("licence number"):
            clerk.is_tms_driver = True

    def test_drivers_partner_can_hold_a_vehicle(self):
        driver = self.make_driver()
        vehicle = self.make_vehicle(driver_id=driver.work_contact_id.id)
        self.assertEqual(vehicle.driver_id, driver.work_contact_id)

    def test_places_lie_on_the_globe(self):
        for field, value in (("partner_latitude", 90.1), ("partner_longitude", -181)):
            with self.subTest(field=field):
                with self.assertRaises(ValidationError):
                    self.pune[field] = value

    def test_route_is_named_by_its_ends(self):
        self.assertEqual(self.route.name, "Test Mumbai - Test Pune")
        self.route.name = "Expressway"
        self.route.destination_id = self.customer
        self.assertEqual(self.route.name, "Expressway")

    def test_route_leads_somewhere_else(self):
        with self.refused("from one place to another"):
            self.route.destination_id = self.mumbai

    def test_route_has_a_distance_and_a_time(self):
        for field in ("distance_km", "transit_time_h"):
            with self.subTest(field=field):
                self.assert_violates(lambda field=field: self.route.write({field: 0}))

    def test_document_belongs_to_one_vehicle_or_one_driver(self):
        vehicle, driver = self.make_vehicle(), self.make_driver()
        self.assertTrue(self.make_document(vehicle_id=vehicle.id))
        self.assertTrue(self.make_document("driver", driver_id=driver.id))
        self.assert_violates(
            lambda: self.make_document(vehicle_id=vehicle.id, driver_id=driver.id)
        )

    def test_document_type_fits_what_it_belongs_to(self):
        with self.refused("do not belong to a vehicle"):
            self.make_document("driver", vehicle_id=self.make_vehicle().id)
        with self.refused("do not belong to a driver"):
            self.make_document("vehicle", driver_id=self.make_driver().id)

    def test_document_counts_the_days_that_are_left(self):
        vehicle = self.make_vehicle()
        today = fields.Date.context_today(vehicle)
        document = self.make_document(
            vehicle_id=vehicle.id, expiry_date=today + timedelta(days=15)
        )
        self.assertEqual(document.days_left, 15)
        document.expiry_date = False
        self.assertEqual(document.days_left, 0)

    def test_document_cannot_expire_before_its_issue(self):
        vehicle = self.make_vehicle()
        self.assert_violates(
            lambda: self.make_document(
                vehicle_id=vehicle.id,
                issue_date="2026-05-02",
                expiry_date="2026-05-01",
            )
        )

    def test_consignment_weighs_something(self):
        trip = self.make_trip()
        self.assert_violates(lambda: trip.consignment_ids.write({"weight_kg": 0}))

    def test_truck_leaves_a_stop_after_it_arrived(self):
        trip = self.make_trip()
        self.assert_violates(
            lambda: self.env["tms.trip.stop"].create(
                {
                    "trip_id": trip.id,
                    "place_id": self.pune.id,
                    "arrived_at": "2026-05-01 10:00:00",
                    "departed_at": "2026-05-01 09:00:00",
                }
            )
        )
