"""An administrator chooses the background of the live map."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import DESKTOP, PHONE, Screenshot, SignIn
from live_map import ON_SCREEN_MS, LiveMap
from narrow_screen import cut_off
from playwright.sync_api import Page

from devtools.instance import Instance

# Nothing listens there.
TILES = "http://127.0.0.1:9/{z}/{x}/{y}.png"
TILE_URL = ("tms_management.map_tile_url", "")


def open_settings(page: Page, tms: Instance) -> None:
    """Show the block of transport in Odoo's Settings."""
    action = "tms_management.res_config_settings_action"
    page.goto(f"{tms.urls.odoo}/odoo/action-{action}")
    page.wait_for_selector("[name=tms_map_tile_url] input")


@pytest.fixture
def as_before(tms: Instance) -> Iterator[None]:
    """Take the tiles away again for the tests that follow."""
    yield
    tms.odoo_client("admin").call("ir.config_parameter", "set_param", *TILE_URL)


@pytest.mark.usefixtures("as_before")
def test_outlines_stand_in_for_tiles_that_cannot_be_reached(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot
) -> None:
    page = sign_in("admin", DESKTOP)
    open_settings(page, tms)
    page.fill("[name=tms_map_tile_url] input", TILES)
    screenshot(page, "settings-desktop")
    page.click(".o_form_button_save")
    page.wait_for_selector(".o_form_button_save", state="hidden")

    page = sign_in("dispatcher", DESKTOP)
    LiveMap.open(page, tms.urls.odoo)
    page.wait_for_selector(".o_tms_notices >> text=not reachable", timeout=ON_SCREEN_MS)
    page.wait_for_selector(".leaflet-outlines-pane canvas")
    screenshot(page, "live-map-without-tiles")


def test_the_settings_fit_on_a_phone(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot
) -> None:
    page = sign_in("admin", PHONE)
    open_settings(page, tms)
    screenshot(page, "settings-phone")
    assert cut_off(page) == []
