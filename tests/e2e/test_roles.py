"""Each demo login sees its part of the system."""

from __future__ import annotations

import pytest
from conftest import DESKTOP, PHONE, Screenshot, SignIn
from playwright.sync_api import Page

from devtools.errors import DevtoolsError
from devtools.instance import Instance


def overflow_px(page: Page) -> int:
    """How far, in CSS pixels, a page is wider than its window."""
    width = (
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return int(page.evaluate(width))


@pytest.mark.parametrize("login", ["admin", "dispatcher", "finance"])
def test_staff_open_the_transport_application(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot, login: str
) -> None:
    page = sign_in(login, DESKTOP)
    page.goto(f"{tms.urls.odoo}/odoo/live-map")
    page.wait_for_selector(".o_tms_live_map[data-phase=ready]")
    page.wait_for_selector(".o_main_navbar >> text=Transport")
    screenshot(page, f"role-{login}")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_driver_sees_own_trips_in_the_portal(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot, size: str
) -> None:
    page = sign_in("driver", DESKTOP if size == "desktop" else PHONE)
    page.goto(f"{tms.urls.odoo}/my/trips")
    trips = tms.odoo_client("driver").call("tms.trip", "search_read", [], ["name"])
    assert trips
    for trip in trips:
        assert page.get_by_text(trip["name"], exact=False).count()
    everybody = tms.odoo_client("dispatcher").call("tms.trip", "search_count", [])
    assert len(trips) < everybody
    assert overflow_px(page) <= 0, "the page scrolls sideways"
    screenshot(page, f"portal-trips-{size}")


def test_a_driver_cannot_read_revenue(tms: Instance) -> None:
    fields = tms.odoo_client("driver").call("tms.consignment", "fields_get", [])
    assert not [name for name in fields if "revenue" in name or "amount" in name]


def test_finance_cannot_create_a_trip(tms: Instance) -> None:
    with pytest.raises(DevtoolsError, match="not allowed|access"):
        tms.odoo_client("finance").call("tms.trip", "create", {})


@pytest.mark.parametrize(
    "action",
    [
        "tms_trip_action",
        "fleet_vehicle_action",
        "hr_employee_action_drivers",
        "res_partner_action_customers",
        "tms_route_action",
    ],
)
def test_every_main_screen_is_usable_at_360_pixels(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot, action: str
) -> None:
    page = sign_in("dispatcher", PHONE)
    page.goto(f"{tms.urls.odoo}/odoo/action-tms_management.{action}")
    page.wait_for_selector(".o_kanban_record:not(.o_kanban_ghost), .o_data_row")
    screenshot(page, f"{action}-phone")
    assert overflow_px(page) <= 0, "the page scrolls sideways"
