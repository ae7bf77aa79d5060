"""Publishing trackers to a server on a real socket that answers as agreed."""

from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .gps_common import GpsFactory, gps_settings
from .gps_service import TOKEN, GpsService

LOGGER = "odoo.addons.tms_management.models.tracker_publishing"


@tagged("post_install", "-at_install")
class TestTrackerPublishing(GpsFactory, HttpCase):
    """An HttpCase, because in one a cron may commit without leaving anything behind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()

    def setUp(self):
        super().setUp()
        self.service = GpsService()
        self.addCleanup(self.service.close)
        self.settings = {
            "TMS_GPS_URL": self.service.url,
            "TMS_GPS_ADMIN_TOKEN": TOKEN,
        }
        # Trackers that were there before are none of these tests' business.
        for tracker in self.env["tms.tracker"].search([("pending", "=", True)]):
            tracker.published_version = tracker.version
        self.tracker = self.make_tracker(name="test:device.1")

    def publish(self):
        self.env.flush_all()
        with gps_settings(**self.settings), self.registry.cursor() as cursor:
            self.env(cr=cursor)["tms.tracker"]._cron_publish()
        self.env.invalidate_all()

    def test_a_tracker_is_published_as_the_service_wants_it(self):
        self.publish()
        self.assertEqual(
            self.service.devices,
            {
                "test:device.1": {
                    "vehicle_identifier": self.tracker.vehicle_id.license_plate,
                    "version": 1,
                    "enabled": True,
                }
            },
        )
        self.assertEqual(self.tracker.published_version, 1)
        self.assertEqual(self.tracker.publication, "published")
        self.assertTrue(self.tracker.published_at)

    def test_what_is_published_is_not_published_again(self):
        self.publish()
        self.publish()
        self.assertEqual(self.service.calls, ["test:device.1"])

    def test_an_archived_tracker_is_published_as_disabled(self):
        self.publish()
        self.tracker.active = False
        self.publish()
        device = self.service.devices["test:device.1"]
        self.assertEqual((device["version"], device["enabled"]), (2, False))

    def test_the_tracker_of_an_archived_vehicle_is_published_as_disabled(self):
        self.tracker.vehicle_id.active = False
        self.publish()
        self.assertFalse(self.service.devices["test:device.1"]["enabled"])

    def test_more_trackers_than_a_batch_are_all_published(self):
        vehicle = self.make_vehicle()
        more = [self.make_tracker(vehicle) for __ in range(60)]
        self.publish()
        self.assertEqual(len(self.service.devices), 61)
        self.assertEqual({tracker.publication for tracker in more}, {"published"})

    def test_without_settings_trackers_wait_in_silence(self):
        self.settings = {}
        with self.assertNoLogs(LOGGER):
            self.publish()
        self.assertEqual(self.tracker.publication, "pending")
        self.assertFalse(self.tracker.last_error)

    @mute_logger(LOGGER)
    def test_an_unreadable_setting_shows_at_the_trackers(self):
        self.settings["TMS_GPS_ADMIN_TOKEN"] = ""
        self.settings["TMS_GPS_ADMIN_TOKEN_FILE"] = "/nonexistent/token"
        self.publish()
        self.assertIn("TMS_GPS_ADMIN_TOKEN_FILE", self.tracker.last_error)

    def test_an_unreachable_service_is_shown_once_and_tried_again(self):
        self.service.close()
        self.make_tracker(name="test-other")
        cron = self.env.ref("tms_management.cron_publish_trackers")
        Trigger = self.env["ir.cron.trigger"]
        before = Trigger.search_count([("cron_id", "=", cron.id)])
        with self.assertLogs(LOGGER, "WARNING") as logged:
            self.publish()
            self.publish()
        self.assertEqual(len(logged.output), 1)
        self.assertEqual(self.tracker.publication, "error")
        self.assertIn("cannot be reached", self.tracker.last_error)
        self.assertEqual(Trigger.search_count([("cron_id", "=", cron.id)]), before + 2)

    @mute_logger(LOGGER)
    def test_an_error_is_gone_once_it_worked(self):
        self.service.answers["*"] = (
            503,
            {"error": {"code": "busy", "message": "Later"}},
        )
        self.publish()
        self.assertIn("busy: Later", self.tracker.last_error)
        self.service.answers.clear()
        self.publish()
        self.assertEqual(self.tracker.publication, "published")
        self.assertFalse(self.tracker.last_error)

    @mute_logger(LOGGER)
    def test_a_wrong_token_stops_the_whole_run(self):
        self.make_tracker(name="test-other")
        self.settings["TMS_GPS_ADMIN_TOKEN"] = "wrong"
        self.publish()
        self.assertEqual(self.service.calls, ["test:device.1"])
        self.assertIn("TMS_GPS_ADMIN_TOKEN", self.tracker.last_error)
        self.assertNotIn("wrong", self.tracker.last_error)

    def test_a_refused_tracker_does_not_hold_up_the_others(self):
        other = self.make_tracker(name="test-other")
        self.service.answers["test:device.1"] = (
            422,
            {"error": {"code": "invalid_device", "message": "No such device."}},
        )
        self.publish()
        self.assertIn("invalid_device", self.tracker.last_error)
        self.assertEqual(self.tracker.publication, "error")
        self.assertEqual(other.publication, "published")

    def test_an_answer_that_cannot_be_read_is_reported_as_such(self):
        self.service.answers["*"] = (404, b"<html>Not the GPS service</html>")
        self.publish()
        self.assertIn("404 (no readable answer)", self.tracker.last_error)

    def test_a_version_that_the_service_is_ahead_of_is_overtaken(self):
        # As after a restore of Odoo's database from a backup.
        self.service.devices["test:device.1"] = {
            "vehicle_identifier": "ZZ99XX0000",
            "version": 23,
            "enabled": True,
        }
        self.publish()
        device = self.service.devices["test:device.1"]
        self.assertGreater(device["version"], 23)
        self.assertEqual(
            device["vehicle_identifier"], self.tracker.vehicle_id.license_plate
        )
        self.assertEqual(self.tracker.version, device["version"])
        self.assertEqual(self.tracker.publication, "published")

    def test_a_change_made_while_the_service_is_asked_is_not_lost(self):
        vehicle = self.make_vehicle()
        Tracker = self.registry["tms.tracker"]
        publish_batch = Tracker._publish_batch

        def publish_while_somebody_changes(model, *args):
            outcome = publish_batch(model, *args)
            model.browse(self.tracker.id).vehicle_id = vehicle.id
            return outcome

        with patch.object(Tracker, "_publish_batch", publish_while_somebody_changes):
            self.publish()
        self.assertEqual(self.tracker.publication, "pending")
        self.publish()
        self.assertEqual(self.tracker.publication, "published")
        self.assertEqual(
            self.service.devices["test:device.1"]["vehicle_identifier"],
            vehicle.license_plate,
        )
