"""Who may see and do what: the four roles, each with its one group."""

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import TmsCase, evidence


@tagged("post_install", "-at_install")
class TestRoles(TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.make_user("admin")
        cls.dispatcher = cls.make_user("dispatcher")
        cls.finance = cls.make_user("finance")
        cls.driver = cls.make_user("driver")
        cls.own = cls.make_trip("assigned", driver_id=cls.make_driver(cls.driver).id)
        cls.foreign = cls.make_trip("in_transit")

    def as_user(self, user, record):
        """Return ``record`` as ``user`` reads it first, with nothing in the cache."""
        self.env.invalidate_all()
        return record.with_user(user)

    def assert_denied(self, attempt):
        with mute_logger("odoo.addons.base.models.ir_rule"):
            with self.assertRaises(AccessError), self.cr.savepoint():
                attempt()

    def test_system_administrators_administer_transport(self):
        odoo_admin = self.env.ref("base.user_admin")
        self.assertTrue(odoo_admin.has_group("tms_management.group_tms_admin"))

    def test_no_role_implies_another(self):
        users = {
            "admin": self.admin,
            "dispatcher": self.dispatcher,
            "finance": self.finance,
            "driver": self.driver,
        }
        for role, user in users.items():
            for other in users:
                with self.subTest(role=role, other=other):
                    self.assertEqual(
                        user.has_group(f"tms_management.group_tms_{other}"),
                        role == other,
                    )

    def test_driver_is_a_portal_user(self):
        self.assertTrue(self.driver.has_group("base.group_portal"))
        self.assertFalse(self.driver.has_group("base.group_user"))

    def test_only_admin_and_dispatcher_plan_trips(self):
        for user in (self.admin, self.dispatcher):
            trip = (
                self.env["tms.trip"]
                .with_user(user)
                .create(
                    {
                        "route_id": self.route.id,
                        "consignment_ids": [
                            (
                                0,
                                0,
                                {"customer_id": self.customer.id, "weight_kg": 10},
                            )
                        ],
                    }
                )
            )
            trip.vehicle_id = self.make_vehicle()
            trip.driver_id = self.make_driver()
            trip.action_assign()
            self.assertEqual(trip.state, "assigned")
        for user in (self.finance, self.driver):
            trips = self.env["tms.trip"].with_user(user)
            self.assert_denied(lambda trips=trips: trips.create({}))

    def test_finance_reads_trips_with_revenue_and_changes_nothing(self):
        trip = self.as_user(self.finance, self.own)
        self.assertEqual(trip.revenue, 20000)
        self.assertEqual(trip.consignment_ids.revenue, 20000)
        self.assertTrue(trip.vehicle_id.display_name)
        self.assertTrue(trip.driver_id.display_name)
        self.assert_denied(lambda: trip.write({"notes": "Mine"}))
        self.assert_denied(trip.unlink)
        self.assert_denied(trip.action_start)
        self.assert_denied(lambda: trip.action_log_event("delay", "Mine"))

    def test_dispatcher_and_finance_see_all_vehicles_and_dispatch_maintains_them(self):
        vehicle = self.make_vehicle()
        for user in (self.dispatcher, self.finance):
            self.assertTrue(self.as_user(user, vehicle).license_plate)
        self.as_user(self.dispatcher, vehicle).in_maintenance = True
        self.assertEqual(vehicle.availability, "maintenance")
        vehicle = self.as_user(self.finance, vehicle)
        self.assert_denied(lambda: vehicle.write({"in_maintenance": False}))

    def test_dispatcher_reads_licences_but_no_private_data_of_employees(self):
        driver = self.as_user(self.dispatcher, self.own.driver_id)
        self.assertTrue(driver.tms_licence_number)
        self.assertTrue(driver.work_contact_id)
        self.assert_denied(lambda: driver.read(["private_phone"]))
        self.assert_denied(lambda: driver.write({"tms_licence_class": "LMV"}))

    def test_dispatcher_does_not_manage_users(self):
        self.assertFalse(self.dispatcher.has_group("base.group_erp_manager"))
        users = self.env["res.users"].with_user(self.dispatcher)
        self.assert_denied(lambda: users.create({"name": "New", "login": "new"}))

    def test_driver_sees_own_trips_only(self):
        trips = self.env["tms.trip"].with_user(self.driver)
        self.assertEqual(trips.search([]), self.own)
        self.assert_denied(
            lambda: self.as_user(self.driver, self.foreign).read(["name"])
        )

    def test_driver_sees_the_parts_of_own_trips_only(self):
        self.own.stop_ids = [(0, 0, {"place_id": self.pune.id})]
        self.foreign.stop_ids = [(0, 0, {"place_id": self.pune.id})]
        self.own.action_log_event("delay", "Loading takes long")
        self.foreign.action_log_event("delay", "Traffic")
        self.foreign.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        for field in ("consignment_ids", "stop_ids", "event_ids"):
            with self.subTest(field=field):
                parts = self.env[self.own[field]._name].with_user(self.driver)
                self.assertEqual(parts.search([]), self.own[field])
        pods = self.env["tms.pod"].with_user(self.driver)
        self.assertFalse(pods.search([]))

    def test_driver_never_sees_revenue_by_any_query(self):
        trip = self.as_user(self.driver, self.own)
        self.assert_denied(lambda: trip.read(["revenue"]))
        self.assert_denied(lambda: trip.read(["notes"]))
        self.assert_denied(lambda: trip.search([("revenue", ">", 0)]))
        self.assert_denied(lambda: trip.search([], order="revenue"))
        self.assert_denied(lambda: trip._read_group([], [], ["revenue:sum"]))
        consignments = self.as_user(self.driver, self.own.consignment_ids)
        self.assert_denied(lambda: consignments.read(["revenue"]))
        self.assert_denied(lambda: consignments.search([("revenue", ">", 0)]))
        self.assertNotIn("revenue", trip.fields_get())
        self.assertNotIn("revenue", consignments.fields_get())

    def test_driver_cannot_read_people_and_masters(self):
        for model in (
            "hr.employee",
            "fleet.vehicle",
            "tms.route",
            "tms.material",
            "tms.document",
        ):
            with self.subTest(model=model):
                records = self.env[model].with_user(self.driver)
                self.assert_denied(lambda records=records: records.search([]))

    def test_driver_writes_nothing_directly(self):
        trip = self.as_user(self.driver, self.own)
        self.assert_denied(lambda: trip.write({"distance_km": 1}))
        self.assert_denied(trip.unlink)
        self.assert_denied(lambda: trip.consignment_ids.write({"weight_kg": 1}))
        self.assert_denied(
            lambda: self.env["tms.pod"].with_user(self.driver).create({})
        )

    def test_driver_takes_the_own_trip_from_start_to_delivery(self):
        trip = self.as_user(self.driver, self.own)
        trip.action_start()
        trip.action_log_event("repair", "Brake pads")
        self.assertEqual(trip.state, "on_hold")
        self.assert_denied(lambda: trip.action_resume("Fixed it myself"))
        self.own.with_user(self.dispatcher).action_resume("Garage confirms")
        trip.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        self.assertEqual(trip.state, "delivered")
        self.assert_denied(trip.action_complete)

    def test_driver_cannot_act_on_the_trip_of_another(self):
        trip = self.as_user(self.driver, self.foreign)
        self.assert_denied(lambda: trip.action_log_event("accident", "Not mine"))
        self.assert_denied(
            lambda: trip.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        )
        self.assert_denied(trip.action_start)
        self.assertEqual(self.foreign.state, "in_transit")

    def test_driver_cannot_assign_or_cancel(self):
        trip = self.as_user(self.driver, self.own)
        self.assert_denied(lambda: trip.action_cancel("Tired"))
        planned = self.make_trip(driver_id=self.make_driver(self.driver).id)
        self.assert_denied(planned.with_user(self.driver).action_assign)

    def test_nobody_creates_or_changes_a_proof_of_delivery_directly(self):
        self.foreign.action_submit_pod("Asha Rao", evidence(), "pod.jpg")
        for user in (self.admin, self.dispatcher, self.finance):
            pod = self.foreign.pod_ids.with_user(user)
            self.assert_denied(lambda pod=pod: pod.write({"recipient_name": "X"}))
            self.assert_denied(pod.unlink)
            self.assert_denied(lambda pod=pod: pod.copy())

    def test_trips_of_another_company_are_out_of_reach(self):
        company = self.env["res.company"].create({"name": "Test Other Roadlines"})
        other = self.env["tms.trip"].create(
            {"company_id": company.id, "route_id": self.route.id}
        )
        trips = self.env["tms.trip"].with_user(self.dispatcher)
        self.assertNotIn(other, trips.search([]))
        self.assert_denied(lambda: self.as_user(self.dispatcher, other).action_assign())
