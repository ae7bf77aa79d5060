"""Where the vehicles that have a tracker are going: what the simulator drives."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import TmsCase


@tagged("post_install", "-at_install")
class TestLanes(TmsCase):
    def lane_of(self, vehicle, user):
        lanes = self.env["tms.trip"].with_user(user).get_lanes()
        return [
            lane
            for lane in lanes
            if lane["vehicle_identifier"] == vehicle.license_plate
        ]

    def track(self, vehicle, device_id):
        self.env["tms.tracker"].create({"name": device_id, "vehicle_id": vehicle.id})

    def test_vehicle_on_a_trip_has_both_ends(self):
        trip = self.make_trip("in_transit")
        self.track(trip.vehicle_id, "test-lane-1")
        self.assertEqual(
            self.lane_of(trip.vehicle_id, self.make_user("dispatcher")),
            [
                {
                    "vehicle_identifier": trip.vehicle_id.license_plate,
                    "device_id": "test-lane-1",
                    "trip": trip.name,
                    "state": "in_transit",
                    "source": {
                        "name": "Test Mumbai",
                        "latitude": 19.076,
                        "longitude": 72.8777,
                    },
                    "destination": {
                        "name": "Test Pune",
                        "latitude": 18.5204,
                        "longitude": 73.8567,
                    },
                }
            ],
        )

    def test_vehicle_without_open_trip_has_none(self):
        vehicle = self.make_trip("delivered").vehicle_id
        self.track(vehicle, "test-lane-2")
        (lane,) = self.lane_of(vehicle, self.make_user("admin"))
        self.assertEqual(lane["device_id"], "test-lane-2")
        for key in ("trip", "state", "source", "destination"):
            self.assertIsNone(lane[key])

    def test_vehicle_without_tracker_is_left_out(self):
        trip = self.make_trip("in_transit")
        self.assertFalse(self.lane_of(trip.vehicle_id, self.make_user("admin")))

    def test_lanes_are_refused_to_finance_and_drivers(self):
        for role in ("finance", "driver"):
            with self.subTest(role=role):
                trips = self.env["tms.trip"].with_user(self.make_user(role))
                with self.assertRaises(AccessError):
                    trips.get_lanes()
