"""The block of transport in Odoo's Settings."""

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from .common import TmsCase

TILES = "https://tiles.test/{z}/{x}/{y}.png"


@tagged("post_install", "-at_install")
class TestSettings(TmsCase):
    def setUp(self):
        super().setUp()
        self.admin = self.env.ref("base.user_admin")
        self.settings = self.env["res.config.settings"].with_user(self.admin)

    def live_map(self):
        return self.env["tms.vehicle.position"]._live_map_settings()

    def test_an_administrator_chooses_the_background_of_the_map(self):
        with Form(self.settings) as form:
            form.tms_map_tile_url = TILES
            form.tms_map_tile_attribution = "Map by Test"
            form.tms_map_country_borders = "0"
        form.record.execute()
        shown = self.live_map()
        self.assertEqual(shown["tile_url"], TILES)
        self.assertIn("Map by Test", shown["tile_attribution"])
        self.assertFalse(shown["country_borders"])

    def test_what_was_chosen_is_shown_again_and_can_be_taken_back(self):
        self.settings.create(
            {"tms_map_tile_url": TILES, "tms_map_country_borders": "0"}
        ).execute()
        with Form(self.settings) as form:
            self.assertEqual(form.tms_map_tile_url, TILES)
            self.assertEqual(form.tms_map_country_borders, "0")
            form.tms_map_tile_url = False
            form.tms_map_country_borders = "1"
        form.record.execute()
        self.assertEqual(self.live_map()["tile_url"], "")
        self.assertTrue(self.live_map()["country_borders"])

    def test_a_new_site_shows_outlines_with_borders(self):
        form = Form(self.settings)
        self.assertFalse(form.tms_map_tile_url)
        self.assertEqual(form.tms_map_country_borders, "1")

    def test_an_address_that_is_of_no_tile_is_refused_with_what_it_lacks(self):
        for url, reason in (
            ("tiles.test/{z}/{x}/{y}.png", "must begin with https://"),
            ("javascript:{z}{x}{y}", "must begin with https://"),
            ("https://tiles.test/{x}/1.png", "lacks \\{z}, \\{y}"),
        ):
            with self.subTest(url=url):
                with self.assertRaisesRegex(ValidationError, reason):
                    self.settings.create({"tms_map_tile_url": url})

    def test_a_path_of_this_site_serves_tiles_as_well(self):
        path = "/tiles/{z}/{x}/{y}.png"
        self.settings.create({"tms_map_tile_url": path}).execute()
        self.assertEqual(self.live_map()["tile_url"], path)

    def test_no_other_role_may_change_settings(self):
        for role in ("dispatcher", "finance", "driver"):
            user = self.make_user(role)
            with self.subTest(role=role), self.assertRaises(AccessError):
                self.env["res.config.settings"].with_user(user).create({})
