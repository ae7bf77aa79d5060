"""Publishing trackers to a server on a real socket that answers as agreed."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from unittest.mock import patch
from urllib.parse import unquote

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .gps_common import GpsFactory, gps_settings

TOKEN = "admin-token-of-the-tests"
LOGGER = "odoo.addons.tms_management.models.tracker_publishing"


class GpsService(ThreadingHTTPServer):
    """Registers devices by the rules of ``docs/interfaces.md``.

    ``answers`` holds what to answer instead: by device id, or for everybody by "*".
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.devices, self.answers, self.calls = {}, {}, []
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()

    def put(self, device_id, token, body):
        if token != f"Bearer {TOKEN}":
            return 401, {"error": {"code": "bad_token", "message": "No."}}
        if answer := self.answers.get(device_id) or self.answers.get("*"):
            return answer
        known = self.devices.get(device_id)
        if known and body["version"] < known["version"]:
            return 409, {"error": {"code": "stale_version", "message": "Older."}}
        if known and body["version"] == known["version"] and body != known:
            return 409, {"error": {"code": "version_conflict", "message": "Other."}}
        self.devices[device_id] = body
        return (200 if known else 201), body


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        device_id = unquote(self.path.removeprefix("/v1/devices/"))
        self.server.calls.append(device_id)
        status, answer = self.server.put(device_id, self.headers["Authorization"], body)
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        """Say nothing: the tests look at what was called."""


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
