"""The demo fleet is what it promises, and its loader works on a clean slate."""

from odoo.tests import tagged

from ..compat import user_groups_field
from ..models.trip_transitions import OPEN_STATES
from .common import TmsCase

TRIPS_PER_STATE = {
    "planned": 7,
    "assigned": 4,
    "in_transit": 10,
    "on_hold": 2,
    "delivered": 4,
    "completed": 9,
    "cancelled": 4,
}


@tagged("post_install", "-at_install")
class TestDemo(TmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_again()

    @classmethod
    def names(cls, *models):
        return cls.env["ir.model.data"].search(
            [
                ("module", "=", "tms_management"),
                ("model", "in", models),
                ("name", "=like", "demo_%"),
            ]
        )

    @classmethod
    def demo(cls, model):
        """Return the demo records of ``model`` by what they are called."""
        return cls.env[model].browse(cls.names(model).mapped("res_id")).exists()

    @classmethod
    def start_again(cls):
        """Put the fleet back to before its first trip, then load it again."""
        for trip in cls.demo("tms.trip"):
            if trip.state in ("planned", *OPEN_STATES):
                trip.action_cancel("The demo starts again")
        for user in cls.demo("res.users"):
            user.write({"active": False, "login": f"former-{user.login}"})
        first_driver = cls.env.ref("tms_management.demo_driver_01")
        first_driver.work_contact_id = cls.env["res.partner"].create(
            {"name": first_driver.name}
        )
        cls.names("tms.trip", "res.users").unlink()
        cls.env["tms.demo"]._load()

    def test_fleet_has_its_size(self):
        self.assertEqual(len(self.demo("fleet.vehicle")), 25)
        self.assertEqual(len(self.demo("hr.employee")), 20)
        self.assertEqual(len(self.demo("tms.tracker")), 25)
        for vehicle in self.demo("fleet.vehicle"):
            self.assertRegex(vehicle.license_plate, r"^[A-Z]{2}\d{2}[A-Z]{1,3}\d{4}$")
            self.assertGreater(vehicle.capacity_kg, 0)

    def test_every_route_has_two_located_ends(self):
        routes = self.demo("tms.route")
        self.assertEqual(len(routes), 12)
        for place in routes.source_id + routes.destination_id:
            with self.subTest(place=place.name):
                # Mainland India.
                self.assertTrue(8 < place.partner_latitude < 33)
                self.assertTrue(69 < place.partner_longitude < 93)

    def test_loader_makes_trips_in_every_state_and_a_user_for_each_role(self):
        trips = self.demo("tms.trip")
        counted = {
            state: len(trips.filtered(lambda trip, state=state: trip.state == state))
            for state in TRIPS_PER_STATE
        }
        self.assertEqual(counted, TRIPS_PER_STATE)
        groups = user_groups_field(self.env)
        for role in ("dispatcher", "finance", "driver"):
            user = self.env.ref(f"tms_management.demo_user_{role}")
            self.assertEqual(user.login, role)
            group = self.env.ref(f"tms_management.group_tms_{role}")
            self.assertIn(group, user[groups])
            self.env.cr.execute(
                "SELECT password FROM res_users WHERE id = %s", (user.id,)
            )
            self.assertEqual(self.env.cr.fetchone(), (None,))

    def test_demo_driver_is_on_the_road(self):
        driver = self.env.ref("tms_management.demo_user_driver")
        own = self.env["tms.trip"].with_user(driver).search([])
        self.assertIn("in_transit", own.mapped("state"))

    def test_trips_of_the_past_have_plausible_times(self):
        for trip in self.demo("tms.trip").filtered("delivered_at"):
            with self.subTest(trip=trip.name):
                self.assertLess(trip.started_at, trip.delivered_at)
                self.assertLess(trip.delivered_at, trip.create_date)

    def test_delivered_trips_carry_their_proof(self):
        delivered = self.demo("tms.trip").filtered("delivered_at")
        self.assertEqual(len(delivered.pod_ids), len(delivered))
