"""A tracker's fix reaches the dispatcher's screen."""

from __future__ import annotations

import pytest
from conftest import DESKTOP, PHONE, Screenshot, Send, SignIn, Truck, utc_time
from live_map import ON_SCREEN_MS, LiveMap

from devtools.instance import Instance

LONAVALA = (18.7546, 73.4062)
KHANDALA = (18.7610, 73.3740)
# Far enough to be seen when the whole country is on a phone's screen.
NASHIK = (19.9975, 73.7898)


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_fix_sent_to_the_gps_service_moves_the_marker(
    tms: Instance,
    driving: list[Truck],
    send: Send,
    sign_in: SignIn,
    screenshot: Screenshot,
    size: str,
) -> None:
    truck = driving[0 if size == "desktop" else 1]
    page = sign_in("dispatcher", DESKTOP if size == "desktop" else PHONE)
    live_map = LiveMap.open(page, tms.urls.odoo)

    assert send(truck, *LONAVALA).json()["accepted"] == 1
    before = live_map.wait_for_position(truck.vehicle_identifier, *LONAVALA)
    pixel_before = live_map.pixel(truck.vehicle_identifier)
    screenshot(page, f"live-map-before-{size}")

    assert send(truck, *NASHIK, speed=15.0, course=15).json()["accepted"] == 1
    after = live_map.wait_for_position(truck.vehicle_identifier, *NASHIK)
    screenshot(page, f"live-map-after-{size}")

    assert after != before
    assert live_map.pixel(truck.vehicle_identifier) != pixel_before


def test_the_popup_names_trip_vehicle_driver_and_destination(
    tms: Instance,
    driving: list[Truck],
    send: Send,
    sign_in: SignIn,
    screenshot: Screenshot,
) -> None:
    truck = driving[2]
    trip = tms.odoo_client("dispatcher").call(
        "tms.trip",
        "search_read",
        [
            ["vehicle_id.license_plate", "=", truck.vehicle_identifier],
            ["state", "=", "in_transit"],
        ],
        ["name", "driver_id", "destination_id"],
    )[0]
    page = sign_in("dispatcher", DESKTOP)
    live_map = LiveMap.open(page, tms.urls.odoo)
    send(truck, *LONAVALA, speed=10.0)
    live_map.wait_for_position(truck.vehicle_identifier, *LONAVALA)

    # From the keyboard: the marker may be under a neighbour's at this zoom.
    live_map.marker(truck.vehicle_identifier).focus()
    page.keyboard.press("Enter")

    popup = page.locator(".leaflet-popup")
    popup.wait_for()
    text = popup.inner_text()
    screenshot(page, "live-map-popup")
    assert truck.vehicle_identifier in text
    assert trip["name"] in text
    assert trip["driver_id"][1] in text
    assert popup.locator("[data-field=destination]").inner_text() in (
        trip["destination_id"][1]
    )
    assert "36" in popup.locator("[data-field=speed]").inner_text()


def test_a_late_fix_does_not_move_the_marker_back(
    tms: Instance, driving: list[Truck], send: Send, sign_in: SignIn
) -> None:
    truck = driving[3]
    page = sign_in("dispatcher", DESKTOP)
    live_map = LiveMap.open(page, tms.urls.odoo)
    send(truck, *KHANDALA)
    live_map.wait_for_position(truck.vehicle_identifier, *KHANDALA)

    late = send(truck, *LONAVALA, timestamp=utc_time(minutes_ago=60))
    # Another truck's newer fix passes the late one on its way to the screen.
    send(driving[4], *LONAVALA)
    live_map.wait_for_position(driving[4].vehicle_identifier, *LONAVALA)

    assert late.json()["accepted"] == 1, "a late fix is history worth keeping"
    assert live_map.position(truck.vehicle_identifier) == pytest.approx(KHANDALA)


def test_the_map_says_that_it_lost_odoo_and_recovers(
    tms: Instance,
    driving: list[Truck],
    send: Send,
    sign_in: SignIn,
    screenshot: Screenshot,
) -> None:
    truck = driving[5]
    page = sign_in("dispatcher", DESKTOP)
    live_map = LiveMap.open(page, tms.urls.odoo)

    tms.stop_service("odoo")
    page.wait_for_selector(".o_tms_notice_problem", timeout=ON_SCREEN_MS)
    screenshot(page, "live-map-connection-lost")
    assert send(truck, *LONAVALA).json()["accepted"] == 1

    tms.start_service("odoo")
    live_map.wait_for_position(truck.vehicle_identifier, *LONAVALA)
    page.wait_for_selector(".o_tms_notice_problem", state="detached")
