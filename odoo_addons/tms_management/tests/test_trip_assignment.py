"""What is checked when a trip is assigned, and once more when it starts."""

from datetime import timedelta

from odoo import fields
from odoo.tests import Form, tagged

from ..models.trip_transitions import STATES
from .common import TmsCase


@tagged("post_install", "-at_install")
class TestTripAssignment(TmsCase):
    def assert_not_assignable(self, trip, reason):
        with self.refused(reason):
            trip.action_assign()
        self.assertEqual(trip.state, "planned")

    def assert_not_startable(self, trip, reason):
        with self.refused(reason):
            trip.action_start()
        self.assertEqual(trip.state, "assigned")

    def add_document(self, expires_in_days, critical=True, **subject):
        kind = self.env["tms.document.type"].create(
            {
                "name": f"Test paper {next(self._numbers)}",
                "applies_to": "driver" if "driver_id" in subject else "vehicle",
                "critical": critical,
            }
        )
        return self.env["tms.document"].create(
            {
                "name": "P-1",
                "type_id": kind.id,
                "expiry_date": fields.Date.today() + timedelta(days=expires_in_days),
                **subject,
            }
        )

    def test_route_prefills_the_trip_and_may_be_overridden(self):
        trip = self.make_trip(distance_km=162)
        self.assertEqual(trip.source_id, self.mumbai)
        self.assertEqual(trip.destination_id, self.pune)
        self.assertEqual(trip.distance_km, 162)
        self.assertEqual(trip.transit_time_h, 5)
        self.assertEqual(trip.planned_end - trip.planned_start, timedelta(hours=5))

    def test_trip_ends_after_it_starts(self):
        trip = self.make_trip()
        with self.refused("cannot end before it starts"):
            trip.planned_end = trip.planned_start - timedelta(hours=1)

    def test_trip_without_ends_or_load_is_refused(self):
        trip = self.make_trip(route_id=False, consignment_ids=False)
        self.assert_not_assignable(trip, "(?s)where the trip starts.*consignment")

    def test_trip_without_vehicle_or_driver_is_refused(self):
        trip = self.make_trip(vehicle_id=False, driver_id=False)
        self.assert_not_assignable(trip, "(?s)Choose a vehicle.*Choose a driver")

    def test_archived_vehicle_is_refused(self):
        trip = self.make_trip()
        trip.vehicle_id.active = False
        self.assert_not_assignable(trip, "archived")

    def test_vehicle_in_maintenance_is_refused_at_assignment_and_at_start(self):
        trip = self.make_trip()
        trip.vehicle_id.in_maintenance = True
        self.assert_not_assignable(trip, "maintenance")
        trip.vehicle_id.in_maintenance = False
        trip.action_assign()
        trip.vehicle_id.in_maintenance = True
        self.assert_not_startable(trip, "maintenance")

    def test_vehicle_on_another_trip_is_refused_and_the_trip_named(self):
        other = self.make_trip("on_hold")
        trip = self.make_trip(vehicle_id=other.vehicle_id.id)
        self.assert_not_assignable(trip, other.name)

    def test_driver_on_another_trip_is_refused_and_the_trip_named(self):
        other = self.make_trip("in_transit")
        trip = self.make_trip(driver_id=other.driver_id.id)
        self.assert_not_assignable(trip, other.name)

    def test_vehicle_and_driver_are_free_again_after_delivery_and_cancellation(self):
        for state in ("delivered", "cancelled"):
            with self.subTest(state=state):
                other = self.make_trip(state)
                trip = self.make_trip(
                    vehicle_id=other.vehicle_id.id, driver_id=other.driver_id.id
                )
                trip.action_assign()
                self.assertEqual(trip.state, "assigned")

    def test_archived_driver_is_refused(self):
        trip = self.make_trip()
        trip.driver_id.active = False
        self.assert_not_assignable(trip, "archived")

    def test_employee_who_is_no_driver_cannot_be_chosen(self):
        clerk = self.env["hr.employee"].create({"name": "Test Clerk"})
        with self.refused("not marked as a driver"):
            self.make_trip(driver_id=clerk.id)

    def test_licence_must_be_known_and_outlast_the_trip(self):
        trip = self.make_trip()
        trip.driver_id.tms_licence_expiry = False
        self.assert_not_assignable(trip, "licence expiry")
        trip.planned_start = fields.Datetime.now() + timedelta(days=3)
        trip.driver_id.tms_licence_expiry = fields.Date.today() + timedelta(days=2)
        self.assert_not_assignable(trip, "licence of driver")
        trip.driver_id.tms_licence_expiry = fields.Date.today() + timedelta(days=5)
        trip.action_assign()
        trip.driver_id.tms_licence_expiry = fields.Date.today() - timedelta(days=1)
        self.assert_not_startable(trip, "licence of driver")

    def test_late_start_is_checked_against_today(self):
        trip = self.make_trip(planned_start=fields.Datetime.now() - timedelta(days=30))
        trip.driver_id.tms_licence_expiry = fields.Date.today() - timedelta(days=10)
        self.assert_not_assignable(trip, "licence of driver")

    def test_trip_without_planned_end_is_checked_against_today(self):
        trip = self.make_trip(planned_end=False)
        trip.driver_id.tms_licence_expiry = fields.Date.today() - timedelta(days=1)
        self.assert_not_assignable(trip, "licence of driver")

    def test_load_above_capacity_is_refused_and_at_capacity_accepted(self):
        trip = self.make_trip(vehicle_id=self.make_vehicle(capacity_kg=4999).id)
        self.assert_not_assignable(trip, "5000 kg exceeds the capacity")
        trip.vehicle_id.capacity_kg = 5000
        trip.action_assign()
        trip.vehicle_id.capacity_kg = 4000
        self.assert_not_startable(trip, "exceeds the capacity")

    def test_capacity_is_checked_against_the_consignments_themselves(self):
        trip = self.make_trip(vehicle_id=self.make_vehicle(capacity_kg=4999).id)
        trip.weight_kg = 1
        self.assert_not_assignable(trip, "5000 kg exceeds the capacity")

    def test_load_is_the_sum_of_all_consignments(self):
        trip = self.make_trip(vehicle_id=self.make_vehicle(capacity_kg=9000).id)
        trip.consignment_ids.copy({"trip_id": trip.id})
        self.assertEqual(trip.weight_kg, 10000)
        self.assertEqual(trip.revenue, 40000)
        self.assert_not_assignable(trip, "10000 kg")

    def test_expired_critical_document_of_vehicle_or_driver_is_refused(self):
        trip = self.make_trip()
        document = self.add_document(-1, vehicle_id=trip.vehicle_id.id)
        self.assert_not_assignable(trip, document.type_id.name)
        document.expiry_date = fields.Date.today() + timedelta(days=30)
        document = self.add_document(-1, driver_id=trip.driver_id.id)
        self.assert_not_assignable(trip, document.type_id.name)

    def test_expired_document_that_is_not_critical_is_no_obstacle(self):
        trip = self.make_trip()
        self.add_document(-1, critical=False, vehicle_id=trip.vehicle_id.id)
        trip.action_assign()
        self.assertEqual(trip.state, "assigned")

    def test_renewed_critical_document_is_valid(self):
        trip = self.make_trip()
        document = self.add_document(-1, vehicle_id=trip.vehicle_id.id)
        document.copy({"expiry_date": fields.Date.today() + timedelta(days=300)})
        trip.action_assign()
        self.assertEqual(trip.state, "assigned")

    def test_critical_document_without_expiry_is_valid(self):
        trip = self.make_trip()
        document = self.add_document(-1, vehicle_id=trip.vehicle_id.id)
        document.expiry_date = False
        trip.action_assign()
        self.assertEqual(trip.state, "assigned")

    def test_missing_mandatory_document_is_refused(self):
        trip = self.make_trip()
        kind = self.env["tms.document.type"].create(
            {"name": "Test permit", "mandatory": True}
        )
        self.assert_not_assignable(trip, f"has no {kind.name}")

    def test_crew_of_an_assigned_trip_may_change_and_is_checked_again(self):
        trip = self.make_trip("assigned")
        vehicle = self.make_vehicle()
        trip.vehicle_id = vehicle
        self.assertEqual(trip.vehicle_id, vehicle)
        with self.refused("exceeds the capacity"):
            trip.vehicle_id = self.make_vehicle(capacity_kg=10)
        with self.refused("Choose a driver"):
            trip.driver_id = False

    def test_crew_of_a_started_trip_cannot_change(self):
        trip = self.make_trip("in_transit")
        with self.refused("cannot change any more"):
            trip.vehicle_id = self.make_vehicle()
        with self.refused("cannot change any more"):
            trip.driver_id = self.make_driver()

    def test_load_of_an_assigned_trip_may_change_within_the_capacity(self):
        trip = self.make_trip("assigned")
        trip.consignment_ids.weight_kg = 9000
        self.assertEqual(trip.weight_kg, 9000)
        with self.refused("exceeds the capacity"):
            trip.consignment_ids.weight_kg = 11000

    def test_load_of_a_started_trip_cannot_change_but_its_revenue_can(self):
        trip = self.make_trip("in_transit")
        with self.refused("cannot change any more"):
            trip.consignment_ids.weight_kg = 1
        with self.refused("cannot change any more"):
            trip.consignment_ids.copy({"trip_id": trip.id})
        with self.refused("cannot change any more"):
            trip.consignment_ids.unlink()
        trip.consignment_ids.revenue = 21000
        self.assertEqual(trip.revenue, 21000)

    def test_only_planned_and_cancelled_trips_can_be_deleted(self):
        for state in ("planned", "cancelled"):
            self.make_trip(state).unlink()
        for state in ("assigned", "in_transit", "delivered", "completed", "paid"):
            with self.subTest(state=state):
                with self.refused("cannot be deleted"):
                    self.make_trip(state).unlink()

    def test_form_suggests_the_vehicles_usual_driver(self):
        driver = self.make_driver()
        vehicle = self.make_vehicle(driver_id=driver.work_contact_id.id)
        form = Form(self.env["tms.trip"])
        form.vehicle_id = vehicle
        self.assertEqual(form.driver_id, driver)

    def test_board_shows_a_column_for_every_state(self):
        columns = self.env["tms.trip"]._group_expand_states([], [])
        self.assertEqual(columns, [state for state, label in STATES])

    def test_consignment_is_named_by_trip_and_customer(self):
        trip = self.make_trip()
        self.assertEqual(
            trip.consignment_ids.display_name, f"{trip.name} / Test Customer"
        )
