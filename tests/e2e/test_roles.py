"""Each demo login sees its part of the system."""

from __future__ import annotations

import pytest
from conftest import DESKTOP, PHONE, Screenshot, SignIn
from narrow_screen import cut_off, plant, uproot
from playwright.sync_api import Page

from devtools.errors import DevtoolsError
from devtools.instance import Instance


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
    screenshot(page, f"portal-trips-{size}")
    assert cut_off(page) == []


@pytest.mark.parametrize(
    ("model", "readable"),
    [("tms.trip", {"name", "state"}), ("tms.consignment", {"reference", "weight_kg"})],
)
def test_a_driver_reads_a_trip_without_its_money(
    tms: Instance, model: str, readable: set[str]
) -> None:
    of_dispatcher = tms.odoo_client("dispatcher").call(model, "fields_get", [])
    of_driver = tms.odoo_client("driver").call(model, "fields_get", [])
    assert "revenue" in of_dispatcher
    assert readable <= of_driver.keys()
    money = ("revenue", "amount", "cost", "price", "margin")
    assert not [name for name in of_driver if any(word in name for word in money)]


def test_finance_cannot_create_a_trip(tms: Instance) -> None:
    dispatcher = tms.odoo_client("dispatcher")
    [route] = dispatcher.call("tms.route", "search", [], limit=1)
    # With the right to it, the very same values do.
    trip = dispatcher.call("tms.trip", "create", {"route_id": route})
    dispatcher.call("tms.trip", "unlink", [trip])
    with pytest.raises(DevtoolsError, match=r"not allowed to create .*\(tms\.trip\)"):
        tms.odoo_client("finance").call("tms.trip", "create", {"route_id": route})


def open_trip_form(page: Page, tms: Instance) -> None:
    """Show the form of a trip that is under way."""
    [trip] = tms.odoo_client("dispatcher").call(
        "tms.trip", "search", [["state", "=", "in_transit"]], limit=1
    )
    page.goto(f"{tms.urls.odoo}/odoo/action-tms_management.tms_trip_action/{trip}")
    page.wait_for_selector(".o_form_view [name=consignment_ids] .o_data_row")


@pytest.mark.parametrize(
    "action",
    [
        "tms_trip_action",
        "fleet_vehicle_action",
        "hr_employee_action_drivers",
        "res_partner_action_customers",
        "tms_route_action",
        "tms_document_action",
        "action_tms_tracker",
    ],
)
def test_every_main_screen_is_usable_at_360_pixels(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot, action: str
) -> None:
    page = sign_in("dispatcher", PHONE)
    page.goto(f"{tms.urls.odoo}/odoo/action-tms_management.{action}")
    # Cards: a list of so many columns shows no truck number to its end.
    page.wait_for_selector(".o_kanban_record:not(.o_kanban_ghost)")
    screenshot(page, f"{action}-phone")
    assert cut_off(page) == []


def test_a_trip_is_usable_at_360_pixels(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot
) -> None:
    page = sign_in("dispatcher", PHONE)
    open_trip_form(page, tms)
    screenshot(page, "trip-form-phone")
    assert cut_off(page) == []
    # What fits, and what does not, wherever it is.
    for part in (".o_form_sheet", ".o_content", ".o_control_panel", ".o_main_navbar"):
        plant(page, part, width=20)
        assert cut_off(page) == []
        uproot(page)
        plant(page, part, width=500)
        assert cut_off(page) != [], f"500 px in {part} go unnoticed"
        uproot(page)


def test_a_trip_is_shown_on_a_desktop(
    tms: Instance, sign_in: SignIn, screenshot: Screenshot
) -> None:
    page = sign_in("dispatcher", DESKTOP)
    open_trip_form(page, tms)
    screenshot(page, "trip-form-desktop")
    assert cut_off(page) == []
