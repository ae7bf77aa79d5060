"""The address to which the GPS service delivers, over real HTTP."""

from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..models.gps_batch import MAX_BODY_BYTES
from .gps_common import (
    SECRET,
    GpsFactory,
    batch,
    gps_settings,
    position,
    signed_headers,
)

ROUTE = "/tms/gps/v1/positions"
LOGGER = "odoo.addons.tms_management.controllers.gps"


@tagged("post_install", "-at_install")
class TestGpsEndpoint(GpsFactory, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.vehicle = cls.make_vehicle()

    def setUp(self):
        super().setUp()
        self.settings = {"TMS_GPS_HMAC_SECRET": SECRET}

    def call(self, body, headers=None):
        with gps_settings(**self.settings):
            return self.url_open(
                ROUTE, data=body, headers=headers or signed_headers(body)
            )

    def assert_refused(self, answer, status, code):
        self.assertEqual(answer.status_code, status)
        self.assertEqual(answer.json()["error"]["code"], code)
        self.assertTrue(answer.json()["error"]["message"])
        self.assertFalse(self.last_position(self.vehicle))

    def test_a_signed_batch_is_applied_and_answered_row_by_row(self):
        plate = self.vehicle.license_plate
        answer = self.call(batch(position(plate), position("ZZ99XX0000")))
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(
            [row["status"] for row in answer.json()["results"]],
            ["stored", "unknown_vehicle"],
        )
        self.assertTrue(self.last_position(self.vehicle))

    def test_the_caller_gets_no_session(self):
        answer = self.call(batch(position(self.vehicle.license_plate)))
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))

    def test_the_key_that_is_rotated_out_is_still_accepted(self):
        body = batch(position(self.vehicle.license_plate))
        self.settings = {
            "TMS_GPS_HMAC_SECRET": "the-new-key",
            "TMS_GPS_HMAC_SECRET_PREVIOUS": SECRET,
        }
        self.assertEqual(self.call(body).status_code, 200)

    @mute_logger(LOGGER)
    def test_without_a_key_nothing_is_accepted(self):
        self.settings = {}
        body = batch(position(self.vehicle.license_plate))
        self.assert_refused(self.call(body), 503, "not_configured")

    @mute_logger(LOGGER)
    def test_an_unreadable_key_counts_as_none(self):
        self.settings = {"TMS_GPS_HMAC_SECRET_FILE": "/nonexistent/key"}
        body = batch(position(self.vehicle.license_plate))
        self.assert_refused(self.call(body), 503, "not_configured")

    @mute_logger(LOGGER)
    def test_another_key_is_refused(self):
        body = batch(position(self.vehicle.license_plate))
        headers = signed_headers(body, secret="somebody else's")
        self.assert_refused(self.call(body, headers), 401, "bad_signature")

    @mute_logger(LOGGER)
    def test_a_changed_body_is_refused(self):
        headers = signed_headers(batch(position(self.vehicle.license_plate)))
        body = batch(position(self.vehicle.license_plate, latitude=0))
        self.assert_refused(self.call(body, headers), 401, "bad_signature")

    @mute_logger(LOGGER)
    def test_a_missing_signature_is_refused(self):
        body = batch(position(self.vehicle.license_plate))
        headers = {"Content-Type": "application/json"}
        self.assert_refused(self.call(body, headers), 401, "bad_signature")

    @mute_logger(LOGGER)
    def test_an_old_call_is_refused(self):
        body = batch(position(self.vehicle.license_plate))
        headers = signed_headers(body, seconds_ago=400)
        self.assert_refused(self.call(body, headers), 401, "stale_timestamp")

    @mute_logger(LOGGER)
    def test_a_replay_is_told_so(self):
        body = batch(position("ZZ99XX0000"))
        headers = signed_headers(body)
        self.assertEqual(self.call(body, headers).status_code, 200)
        self.assert_refused(self.call(body, headers), 409, "replayed")

    @mute_logger(LOGGER)
    def test_a_refused_call_may_be_made_again(self):
        body = b"not JSON"
        headers = signed_headers(body)
        self.assert_refused(self.call(body, headers), 400, "invalid_body")
        self.assert_refused(self.call(body, headers), 400, "invalid_body")

    @mute_logger(LOGGER)
    def test_too_many_positions(self):
        body = batch(*[position(self.vehicle.license_plate)] * 501)
        self.assert_refused(self.call(body), 413, "too_many_positions")

    @mute_logger(LOGGER)
    def test_a_body_that_is_too_large(self):
        body = b" " * (MAX_BODY_BYTES + 1)
        self.assert_refused(self.call(body), 413, "too_many_positions")

    def test_refusals_are_logged_with_code_and_address_but_no_secret(self):
        body = batch(position(self.vehicle.license_plate))
        headers = signed_headers(body, secret="somebody else's")
        with self.assertLogs(LOGGER, "WARNING") as logged:
            self.call(body, headers)
        [line] = logged.output
        self.assertIn("127.0.0.1", line)
        self.assertIn("bad_signature", line)
        self.assertNotIn(SECRET, line)
        self.assertNotIn(headers["X-TMS-Signature"], line)

    def test_receipts_are_kept_as_long_as_a_replay_could_pass(self):
        Receipt = self.env["tms.gps.receipt"]
        now = fields.Datetime.now()
        for name, age in (("kept", 599), ("gone", 1200)):
            Receipt.create(
                {
                    "signature_digest": name,
                    "received_at": now - timedelta(seconds=age),
                }
            )
        Receipt._gc_receipts()
        digests = Receipt.search([("signature_digest", "in", ["kept", "gone"])]).mapped(
            "signature_digest"
        )
        self.assertEqual(digests, ["kept"])
