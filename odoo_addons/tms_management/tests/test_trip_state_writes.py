"""No way in but the transitions: raw writes, RPC, import, copies, forged contexts."""

from odoo.tests import tagged

from ..models.tms_trip import _TOKEN_KEY, STATE_FIELDS
from .common import TmsCase

REASON = "cannot be set directly"


@tagged("post_install", "-at_install")
class TestTripStateWrites(TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dispatcher = cls.make_user("dispatcher")
        cls.trip = cls.make_trip()

    def assert_refused(self, attempt):
        with self.refused(REASON):
            attempt()
        self.trip.invalidate_recordset()
        self.assertEqual(self.trip.state, "planned")

    def test_write_is_refused_to_dispatcher_superuser_and_sudo(self):
        for trip in (
            self.trip.with_user(self.dispatcher),
            self.trip.with_user(self.dispatcher).sudo(),
            self.trip,
        ):
            self.assert_refused(lambda trip=trip: trip.write({"state": "assigned"}))

    def test_write_through_the_web_client_is_refused(self):
        trip = self.trip.with_user(self.dispatcher)
        self.assert_refused(lambda: trip.web_save({"state": "paid"}, {"state": {}}))

    def test_write_of_every_stamp_is_refused(self):
        for name in STATE_FIELDS - {"state", "cancel_reason"}:
            with self.subTest(field=name):
                self.assert_refused(
                    lambda name=name: self.trip.write({name: "2026-01-01 00:00:00"})
                )
        self.assert_refused(lambda: self.trip.write({"cancel_reason": "None"}))

    def test_write_of_what_follows_from_other_fields_is_refused(self):
        trip = self.trip.with_user(self.dispatcher)
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        before = trip.driver_partner_id
        for values in (
            {"name": "TRIP/0"},
            {"truck_number": "MH12ZZ9999"},
            {"driver_partner_id": stranger.id},
        ):
            with self.subTest(values=values), self.refused("it follows from"):
                trip.write(values)
        self.assertEqual(trip.driver_partner_id, before)

    def test_a_change_of_driver_still_moves_the_partner(self):
        driver = self.make_driver()
        self.trip.with_user(self.dispatcher).write({"driver_id": driver.id})
        self.assertEqual(self.trip.driver_partner_id, driver.work_contact_id)

    def test_token_cannot_be_forged_from_a_context(self):
        for forged in (True, 1, "token", [], {}, ["object"], self.trip.id):
            with self.subTest(forged=forged):
                trip = self.trip.sudo().with_context(**{_TOKEN_KEY: forged})
                self.assert_refused(lambda trip=trip: trip.write({"state": "paid"}))

    def test_write_through_the_vehicle_is_refused(self):
        vehicle = self.trip.vehicle_id
        self.assert_refused(
            lambda: vehicle.write({"trip_ids": [(1, self.trip.id, {"state": "paid"})]})
        )

    def test_create_with_a_state_is_refused(self):
        Trip = self.env["tms.trip"]
        self.assert_refused(lambda: Trip.create({"state": "completed"}))
        self.assert_refused(lambda: Trip.create({"delivered_at": "2026-01-01"}))
        self.assert_refused(
            lambda: Trip.with_context(default_state="in_transit").create({})
        )
        self.assert_refused(
            lambda: Trip.with_context(default_started_at="2026-01-01").create({})
        )

    def test_create_as_planned_is_what_forms_send(self):
        trip = self.env["tms.trip"].create({"state": "planned", "started_at": False})
        self.assertEqual(trip.state, "planned")
        self.assertTrue(trip.name.startswith("TRIP/"))

    def test_copy_starts_again_as_planned(self):
        trip = self.make_trip("cancelled")
        copy = trip.copy()
        self.assertEqual(copy.state, "planned")
        self.assertFalse(copy.cancel_reason)
        self.assertFalse(copy.vehicle_id)
        self.assertEqual(copy.consignment_ids.weight_kg, 5000)
        self.assertNotEqual(copy.name, trip.name)
        self.assert_refused(lambda: trip.copy({"state": "paid"}))

    def test_import_is_refused_with_the_reason_for_each_row(self):
        result = self.env["tms.trip"].load(
            ["route_id/.id", "state"], [[str(self.route.id), "In transit"]]
        )
        self.assertFalse(result["ids"])
        self.assertIn(REASON, result["messages"][0]["message"])

    def test_import_cannot_move_an_existing_trip(self):
        result = self.env["tms.trip"].load(
            [".id", "state"], [[str(self.trip.id), "paid"]]
        )
        self.assertFalse(result["ids"])
        self.assertIn(REASON, result["messages"][0]["message"])
        self.assertEqual(self.trip.state, "planned")

    def test_token_covers_one_write_only(self):
        seen = []
        original = type(self.env["fleet.vehicle"])._compute_availability

        def spy(vehicles):
            seen.append(_TOKEN_KEY in vehicles.env.context)
            return original(vehicles)

        self.patch(type(self.env["fleet.vehicle"]), "_compute_availability", spy)
        self.trip.action_assign()
        self.env.flush_all()
        self.assertTrue(seen)
        self.assertFalse(any(seen))
