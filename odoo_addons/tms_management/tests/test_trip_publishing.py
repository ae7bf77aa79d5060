"""Publishing trips under way to a server on a real socket that answers as agreed."""

from odoo.tests import HttpCase, tagged

from .gps_common import GpsFactory, gps_settings
from .gps_service import TOKEN, GpsService

LOGGER = "odoo.addons.tms_management.models.trip_publishing"
BUSY = (503, {"error": {"code": "busy", "message": "Later"}})


@tagged("post_install", "-at_install")
class TestTripPublishing(GpsFactory, HttpCase):
    """An HttpCase, because in one a cron may commit without leaving anything behind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        # Trips that were there before are none of these tests' business.
        cls.env["tms.tracker"].search([]).active = False
        cls.trip = cls.make_trip("in_transit")
        cls.vehicle = cls.trip.vehicle_id
        cls.plate = cls.vehicle.license_plate
        cls.make_tracker(cls.vehicle)

    def setUp(self):
        super().setUp()
        self.service = GpsService()
        self.addCleanup(self.service.close)
        self.settings = {
            "TMS_GPS_URL": self.service.url,
            "TMS_GPS_ADMIN_TOKEN": TOKEN,
        }

    def publish(self):
        self.env.flush_all()
        with gps_settings(**self.settings), self.registry.cursor() as cursor:
            self.env(cr=cursor)["tms.trip.publication"]._cron_publish()
        self.env.invalidate_all()

    def known(self, plate=None):
        return self.env["tms.trip.publication"].search(
            [("vehicle_identifier", "=", plate or self.plate)]
        )

    def triggers(self):
        cron = self.env.ref("tms_management.cron_publish_trips")
        return self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])

    def test_a_trip_under_way_is_published_as_the_service_wants_it(self):
        self.publish()
        self.assertEqual(
            self.service.trips,
            {
                self.plate: {
                    "version": 1,
                    "trip": {
                        "reference": self.trip.name,
                        "started_at": f"{self.trip.started_at.isoformat()}Z",
                        "source": {"latitude": 19.076, "longitude": 72.8777},
                        "destination": {"latitude": 18.5204, "longitude": 73.8567},
                    },
                }
            },
        )

    def test_what_is_published_is_not_published_again(self):
        self.publish()
        self.publish()
        self.assertEqual(self.service.calls, [self.plate])

    def test_a_trip_on_hold_is_the_same_trip(self):
        self.publish()
        self.advance(self.trip, "on_hold")
        self.publish()
        self.assertEqual(self.service.calls, [self.plate])

    def test_a_trip_that_is_over_is_taken_back(self):
        self.publish()
        self.advance(self.trip, "delivered")
        self.publish()
        self.assertEqual(self.service.trips[self.plate], {"version": 2, "trip": None})
        self.publish()
        self.assertEqual(len(self.service.calls), 2)

    def test_a_corrected_truck_number_takes_its_trip_along(self):
        self.publish()
        self.vehicle.license_plate = "ZZ99TT0002"
        self.publish()
        self.assertIsNone(self.service.trips[self.plate]["trip"])
        told = self.service.trips["ZZ99TT0002"]["trip"]
        self.assertEqual(told["reference"], self.trip.name)

    def test_a_place_that_is_located_later_is_told_then(self):
        self.pune.write({"partner_latitude": 0, "partner_longitude": 0})
        self.publish()
        self.assertEqual(self.service.calls, [])
        self.pune.write({"partner_latitude": 18.6, "partner_longitude": 73.9})
        self.publish()
        destination = self.service.trips[self.plate]["trip"]["destination"]
        self.assertEqual(destination, {"latitude": 18.6, "longitude": 73.9})

    def test_a_truck_without_tracker_has_nothing_to_follow(self):
        bare = self.make_trip("in_transit").vehicle_id
        self.publish()
        self.assertNotIn(bare.license_plate, self.service.trips)

    def test_more_trips_than_a_batch_are_all_published(self):
        trips = [self.make_trip("in_transit") for __ in range(60)]
        for trip in trips:
            self.make_tracker(trip.vehicle_id)
        self.publish()
        self.assertEqual(len(self.service.trips), 61)
        self.publish()
        self.assertEqual(len(self.service.calls), 61)

    def test_the_road_starts_and_ends_the_publishing(self):
        trip = self.make_trip("assigned")
        before = self.triggers()
        self.advance(trip, "in_transit")
        self.assertEqual(self.triggers(), before + 1)
        trip.notes = "Nothing that the service must know"
        self.assertEqual(self.triggers(), before + 1)
        self.advance(trip, "delivered")
        self.assertEqual(self.triggers(), before + 2)
        self.advance(trip, "completed")
        self.assertEqual(self.triggers(), before + 2)

    def test_without_settings_trips_wait_in_silence(self):
        self.settings = {}
        with self.assertNoLogs(LOGGER):
            self.publish()
        self.assertFalse(self.known())

    def test_an_unreadable_setting_is_logged(self):
        self.settings["TMS_GPS_ADMIN_TOKEN"] = ""
        self.settings["TMS_GPS_ADMIN_TOKEN_FILE"] = "/nonexistent/token"
        with self.assertLogs(LOGGER, "WARNING") as logged:
            self.publish()
        self.assertIn("TMS_GPS_ADMIN_TOKEN_FILE", logged.output[0])

    def test_a_service_that_is_away_is_tried_again(self):
        self.service.answers["*"] = BUSY
        before = self.triggers()
        with self.assertLogs(LOGGER, "WARNING") as logged:
            self.publish()
        self.assertIn("busy: Later", logged.output[0])
        self.assertEqual(self.triggers(), before + 1)
        self.service.answers.clear()
        self.publish()
        self.assertEqual(self.known().content["reference"], self.trip.name)

    def test_a_refused_trip_is_logged_once_tried_again_and_holds_nobody_up(self):
        other = self.make_trip("in_transit").vehicle_id
        self.make_tracker(other)
        refusal = (422, {"error": {"code": "invalid_trip", "message": "No trip."}})
        self.service.answers[self.plate] = refusal
        with self.assertLogs(LOGGER, "WARNING") as logged:
            self.publish()
            self.publish()
        self.assertEqual(len(logged.output), 1)
        self.assertIn("invalid_trip", self.known().last_error)
        self.assertIn(other.license_plate, self.service.trips)
        # The service may have been too old for it.
        self.service.answers.clear()
        self.publish()
        self.assertIn(self.plate, self.service.trips)
        self.assertFalse(self.known().last_error)

    def test_a_version_that_the_service_is_ahead_of_is_overtaken(self):
        # As after a restore of Odoo's database from a backup.
        self.service.trips[self.plate] = {"version": 23, "trip": None}
        self.publish()
        told = self.service.trips[self.plate]
        self.assertGreater(told["version"], 23)
        self.assertEqual(told["trip"]["reference"], self.trip.name)
        self.assertEqual(self.known().version, told["version"])
