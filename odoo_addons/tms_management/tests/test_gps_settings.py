"""The link to the GPS service is configured by the environment alone."""

import tempfile
from pathlib import Path

from odoo.tests import BaseCase

from ..models.gps_settings import GpsSettingsError, read_gps_settings
from .gps_common import gps_settings


class TestGpsSettings(BaseCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_nothing_is_configured_by_default(self):
        with gps_settings():
            settings = read_gps_settings()
        self.assertFalse(settings.can_publish)
        self.assertEqual(settings.hmac_secrets, ())

    def test_values_come_from_variables(self):
        with gps_settings(
            TMS_GPS_URL="http://gps.test/",
            TMS_GPS_ADMIN_TOKEN="token",
            TMS_GPS_HMAC_SECRET="new",
            TMS_GPS_HMAC_SECRET_PREVIOUS="old",
        ):
            settings = read_gps_settings()
        self.assertEqual(settings.url, "http://gps.test")
        self.assertTrue(settings.can_publish)
        self.assertEqual(settings.hmac_secrets, (b"new", b"old"))

    def test_values_come_from_mounted_files_as_they_are_now(self):
        mounted = self.folder / "secret"
        mounted.write_text("first\n", encoding="utf-8")
        with gps_settings(TMS_GPS_HMAC_SECRET_FILE=str(mounted)):
            self.assertEqual(read_gps_settings().hmac_secrets, (b"first",))
            mounted.write_text("second\n", encoding="utf-8")
            self.assertEqual(read_gps_settings().hmac_secrets, (b"second",))

    def test_a_missing_file_is_named_with_what_to_do(self):
        with gps_settings(TMS_GPS_HMAC_SECRET_FILE=str(self.folder / "absent")):
            with self.assertRaisesRegex(GpsSettingsError, "TMS_GPS_HMAC_SECRET_FILE"):
                read_gps_settings()

    def test_a_file_that_is_no_text_is_refused(self):
        mounted = self.folder / "secret"
        mounted.write_bytes(b"\xff\xfe\x00")
        with gps_settings(TMS_GPS_ADMIN_TOKEN_FILE=str(mounted)):
            with self.assertRaisesRegex(GpsSettingsError, "not UTF-8 text"):
                read_gps_settings()

    def test_secrets_do_not_show(self):
        with gps_settings(
            TMS_GPS_ADMIN_TOKEN="token-1", TMS_GPS_HMAC_SECRET="secret-1"
        ):
            shown = repr(read_gps_settings())
        self.assertNotIn("token-1", shown)
        self.assertNotIn("secret-1", shown)
