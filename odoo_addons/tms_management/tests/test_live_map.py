"""What the live map is told, and who is told."""

from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from .gps_common import GpsFactory, position, utc


@tagged("post_install", "-at_install")
class TestLiveMap(GpsFactory, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.trip = cls.make_trip("in_transit")
        cls.vehicle = cls.trip.vehicle_id
        cls.plate = cls.vehicle.license_plate
        cls.make_tracker(cls.vehicle)
        cls.dispatcher = cls.make_user("dispatcher")

    def ask(self, since=None, user=None):
        positions = self.env["tms.vehicle.position"].with_user(user or self.dispatcher)
        return positions.get_live_map(since)

    def shown(self, vehicle, answer=None):
        """Return how the map knows ``vehicle``, or None."""
        vehicles = (answer or self.ask())["vehicles"]
        return next((v for v in vehicles if v["vehicle_id"] == vehicle.id), None)

    def moved(self, answer, vehicle=None):
        vehicle = vehicle or self.vehicle
        return [p for p in answer["positions"] if p["vehicle_id"] == vehicle.id]

    def raise_horizon(self):
        """Act as if the transaction of the tests, where all happens, were over."""
        self.env.cr.execute("UPDATE tms_vehicle_position SET change_xid = 0")

    def test_a_vehicle_on_a_trip(self):
        self.assertEqual(
            self.shown(self.vehicle),
            {
                "vehicle_id": self.vehicle.id,
                "vehicle": self.plate,
                "model": self.vehicle.model_id.display_name,
                "has_tracker": True,
                "trip": {
                    "id": self.trip.id,
                    "name": self.trip.name,
                    "state": "in_transit",
                    "driver": self.trip.driver_id.name,
                    "source": {
                        "id": self.mumbai.id,
                        "name": "Test Mumbai",
                        "latitude": 19.076,
                        "longitude": 72.8777,
                    },
                    "destination": {
                        "id": self.pune.id,
                        "name": "Test Pune",
                        "latitude": 18.5204,
                        "longitude": 73.8567,
                    },
                },
            },
        )

    def test_a_place_that_was_never_located_has_no_coordinates(self):
        self.pune.write({"partner_latitude": 0, "partner_longitude": 0})
        self.assertEqual(
            self.shown(self.vehicle)["trip"]["destination"],
            {"id": self.pune.id, "name": "Test Pune"},
        )

    def test_a_trip_without_places(self):
        self.trip.write({"source_id": False, "destination_id": False})
        trip = self.shown(self.vehicle)["trip"]
        self.assertIsNone(trip["source"])
        self.assertIsNone(trip["destination"])

    def test_a_vehicle_without_open_trip(self):
        for state in ("planned", "delivered", "cancelled"):
            with self.subTest(state):
                vehicle = self.make_trip(state).vehicle_id
                self.make_tracker(vehicle)
                self.assertFalse(self.shown(vehicle)["trip"])

    def test_a_position_in_full(self):
        self.apply(position(self.plate, fix_time=utc(10), speed_kmh=None, course=None))
        [fix] = self.moved(self.ask())
        self.assertEqual((fix["latitude"], fix["longitude"]), (18.52, 73.85))
        self.assertIsNone(fix["speed_kmh"])
        self.assertIsNone(fix["course"])
        self.assertRegex(fix["fix_time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_whoever_is_on_the_map(self):
        bare = self.make_vehicle()
        self.assertIsNone(self.shown(bare))
        tracker = self.make_tracker(bare)
        self.assertTrue(self.shown(bare)["has_tracker"])
        tracker.active = False
        self.assertIsNone(self.shown(bare))
        self.apply(position(bare.license_plate))
        self.assertFalse(self.shown(bare)["has_tracker"])
        bare.active = False
        self.assertIsNone(self.shown(bare))

    def test_nothing_new_is_answered_with_nothing(self):
        self.apply(position(self.plate))
        cursor = self.ask()["cursor"]
        self.raise_horizon()
        answer = self.ask(cursor)
        self.assertNotIn("vehicles", answer)
        self.assertNotIn("settings", answer)
        self.assertEqual(answer["positions"], [])

    def test_a_new_fix_is_answered_with_this_fix_alone(self):
        other = self.make_vehicle()
        self.apply(position(self.plate), position(other.license_plate))
        cursor = self.ask()["cursor"]
        self.raise_horizon()
        self.apply(position(self.plate, fix_time=utc(1), latitude=18.6))
        answer = self.ask(cursor)
        self.assertNotIn("vehicles", answer)
        [fix] = answer["positions"]
        self.assertEqual((fix["vehicle_id"], fix["latitude"]), (self.vehicle.id, 18.6))

    def test_every_kind_of_change_in_the_fleet_is_noticed(self):
        self.apply(position(self.plate))
        # Within one transaction all write dates are the same: older ones tell more.
        changes = {
            "trip state": lambda: self.trip.action_log_event("accident", "Barrier"),
            "truck number": lambda: self.touch("fleet_vehicle", self.vehicle),
            "tracker": lambda: self.touch("tms_tracker", self.vehicle.tms_tracker_ids),
            "new tracker": lambda: self.make_tracker(),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.env.flush_all()
                self.env.cr.execute(
                    "UPDATE tms_trip SET write_date = '2020-01-01' WHERE id = %s",
                    [self.trip.id],
                )
                cursor = self.ask()["cursor"]
                change()
                answer = self.ask(cursor)
                self.assertTrue(self.shown(self.vehicle, answer))
                self.assertTrue(self.moved(answer), "positions come with the fleet")

    def touch(self, table, record):
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET write_date = write_date + interval '1 second'"
                " WHERE id = %s",
                SQL.identifier(table),
                record.id,
            )
        )

    def test_a_cursor_that_is_none_asks_for_everything(self):
        for cursor in ("", "nonsense", "1", "²³.x", "9" * 40 + ".x", 7, ["x"]):
            with self.subTest(cursor):
                self.assertTrue(self.shown(self.vehicle, self.ask(cursor)))

    def test_a_cursor_from_before_a_restore_asks_for_everything(self):
        self.apply(position(self.plate))
        horizon, __, fleet = self.ask()["cursor"].partition(".")
        answer = self.ask(f"{int(horizon) + 10**6}.{fleet}")
        self.assertTrue(self.moved(answer))

    def test_the_number_of_queries_does_not_grow_with_the_fleet(self):
        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.ask()
            return self.env.cr.sql_log_count - before

        queries()
        small = queries()
        for __ in range(8):
            trip = self.make_trip("assigned")
            self.make_tracker(trip.vehicle_id)
            self.apply(position(trip.vehicle_id.license_plate))
        self.assertEqual(queries(), small)

    def test_finance_sees_the_map_and_no_money(self):
        self.apply(position(self.plate))
        answer = self.ask(user=self.make_user("finance"))
        self.assertTrue(self.moved(answer))
        self.assertNotIn("revenue", repr(answer))
        self.assertFalse(answer["settings"]["can_add_tracker"])

    def test_admin_sees_the_map(self):
        self.assertTrue(
            self.shown(self.vehicle, self.ask(user=self.make_user("admin")))
        )

    def test_drivers_and_strangers_do_not(self):
        stranger = self.env.ref("base.public_user")
        for user in (self.make_user("driver"), stranger):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.ask(user=user)

    def test_vehicles_and_trips_of_other_companies_stay_theirs(self):
        company = self.env["res.company"].create({"name": "Test Other Company"})
        vehicle = self.make_vehicle(company_id=company.id)
        self.apply(position(vehicle.license_plate))
        answer = self.ask()
        self.assertIsNone(self.shown(vehicle, answer))
        self.assertFalse(self.moved(answer, vehicle))
        found = self.env["tms.vehicle.position"].with_user(self.dispatcher).search([])
        self.assertNotIn(vehicle, found.vehicle_id)

    def test_nothing_leaves_the_site_unless_a_tile_server_is_set(self):
        settings = self.ask()["settings"]
        self.assertEqual(settings["tile_url"], "")
        self.assertTrue(settings["country_borders"])
        self.assertEqual(settings["silent_after_s"], 900)

    def test_tile_server_and_borders_are_settings(self):
        set_param = self.env["ir.config_parameter"].set_param
        set_param("tms_management.map_tile_url", "https://tiles.test/{z}/{x}/{y}.png")
        set_param(
            "tms_management.map_tile_attribution",
            '<a href="https://tiles.test">Tiles</a><script>alert(1)</script>',
        )
        set_param("tms_management.map_country_borders", "0")
        settings = self.ask()["settings"]
        self.assertEqual(settings["tile_url"], "https://tiles.test/{z}/{x}/{y}.png")
        self.assertIn("https://tiles.test", settings["tile_attribution"])
        self.assertNotIn("script", settings["tile_attribution"])
        self.assertFalse(settings["country_borders"])
