"""Trucks: their number, availability and owner."""

from psycopg2 import IntegrityError

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..hooks import pre_init_hook
from ..models.fleet_vehicle import normalise_truck_number
from .common import TmsCase


@tagged("post_install", "-at_install")
class TestVehicle(TmsCase):
    def test_truck_number_is_upper_case_letters_and_digits(self):
        for plate, expected in (
            ("mh-12 ab.1234", "MH12AB1234"),
            (" KA 01 ah 5527 ", "KA01AH5527"),
            ("--", False),
            ("", False),
            (False, False),
        ):
            with self.subTest(plate=plate):
                self.assertEqual(normalise_truck_number(plate), expected)

    def test_truck_number_is_normalised_however_it_comes_in(self):
        vehicle = self.make_vehicle(license_plate="zz-00 tt 0001")
        model = self.env["fleet.vehicle"].with_context(
            default_license_plate="zz-00 tt 0009"
        )
        by_default = model.create({"model_id": vehicle.model_id.id})
        self.assertEqual(by_default.license_plate, "ZZ00TT0009")
        self.assertEqual(vehicle.license_plate, "ZZ00TT0001")
        vehicle.license_plate = "zz 00 tt 0002"
        self.assertEqual(vehicle.license_plate, "ZZ00TT0002")

    def test_truck_number_is_unique_among_active_vehicles(self):
        vehicle = self.make_vehicle(license_plate="ZZ00TT0003")
        with self.refused("truck number ZZ00TT0003 already"):
            self.make_vehicle(license_plate="zz-00-tt-0003")
        with self.refused("truck number ZZ00TT0003 already"):
            self.make_vehicle().license_plate = "zz00tt0003"
        archived = self.make_vehicle(license_plate="ZZ00TT0003", active=False)
        with self.refused("truck number ZZ00TT0003 already"):
            archived.active = True
        vehicle.active = False
        archived.active = True
        self.assertTrue(archived.active)

    def test_database_refuses_a_truck_number_that_slipped_through(self):
        vehicle, other = self.make_vehicle(), self.make_vehicle()
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.cr.execute(
                "UPDATE fleet_vehicle SET license_plate = %s WHERE id = %s",
                (vehicle.license_plate, other.id),
            )

    def test_import_names_the_truck_number_that_is_taken(self):
        self.make_vehicle(license_plate="ZZ00TT0004")
        result = self.env["fleet.vehicle"].load(
            ["license_plate", "model_id/.id"],
            [["zz00tt0004", str(self.vehicle_model.id)]],
        )
        self.assertIn("truck number", result["messages"][0]["message"])

    def test_vehicles_without_a_number_do_not_clash(self):
        self.make_vehicle(license_plate=False)
        self.assertTrue(self.make_vehicle(license_plate=" - "))

    def test_availability_follows_trips_and_maintenance(self):
        vehicle = self.make_vehicle()
        self.assertEqual(vehicle.availability, "available")
        vehicle.in_maintenance = True
        self.assertEqual(vehicle.availability, "maintenance")
        vehicle.in_maintenance = False
        trip = self.make_trip("assigned", vehicle_id=vehicle.id)
        self.assertEqual(vehicle.availability, "on_trip")
        self.assertEqual(vehicle.open_trip_id, trip)
        vehicle.in_maintenance = True
        self.assertEqual(vehicle.availability, "on_trip")
        trip.action_cancel("Truck goes to the workshop")
        self.assertEqual(vehicle.availability, "maintenance")
        self.assertFalse(vehicle.open_trip_id)

    def test_availability_can_be_searched(self):
        free, busy, broken = (self.make_vehicle() for _number in range(3))
        self.make_trip("in_transit", vehicle_id=busy.id)
        broken.in_maintenance = True
        mine = [("id", "in", (free + busy + broken).ids)]
        for state, expected in (
            ("available", free),
            ("on_trip", busy),
            ("maintenance", broken),
        ):
            with self.subTest(state=state):
                found = self.env["fleet.vehicle"].search(
                    [*mine, ("availability", "=", state)]
                )
                self.assertEqual(found, expected)

    def test_outsourced_vehicle_names_its_owner(self):
        with self.refused("Name the owner"):
            self.make_vehicle(ownership="outsourced")
        vehicle = self.make_vehicle(ownership="outsourced", owner_id=self.customer.id)
        self.assertEqual(vehicle.owner_id, self.customer)

    def test_capacity_cannot_be_negative(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            with self.cr.savepoint():
                self.make_vehicle(capacity_kg=-1)


@tagged("post_install", "-at_install")
class TestInstallOnExistingVehicles(TmsCase):
    """The hook that runs before the uniqueness of truck numbers is enforced."""

    def set_plate(self, vehicle, plate):
        self.env.flush_all()
        self.cr.execute(
            "UPDATE fleet_vehicle SET license_plate = %s WHERE id = %s",
            (plate, vehicle.id),
        )

    def test_existing_numbers_are_normalised(self):
        vehicle, nameless = self.make_vehicle(), self.make_vehicle()
        self.set_plate(vehicle, "zz-00 tt 0005")
        self.set_plate(nameless, " - ")
        pre_init_hook(self.env)
        self.assertEqual(vehicle.license_plate, "ZZ00TT0005")
        self.assertTrue(vehicle.name.endswith("/ZZ00TT0005"))
        self.assertFalse(nameless.license_plate)

    def test_numbers_that_clash_are_named(self):
        self.cr.execute(
            "ALTER TABLE fleet_vehicle"
            " DROP CONSTRAINT fleet_vehicle_truck_number_unique"
        )
        self.set_plate(self.make_vehicle(), "zz-00 tt 0006")
        self.set_plate(self.make_vehicle(), "ZZ00TT0006")
        with self.refused("ZZ00TT0006"):
            pre_init_hook(self.env)
