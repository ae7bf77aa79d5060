"""What dispatch looks up away from the desk, in a real browser as narrow as a phone."""

from odoo.tests import tagged

from .gps_common import arrival, event
from .test_live_map_browser import LiveMapCase


@tagged("post_install", "-at_install")
class TestPhoneBrowser(LiveMapCase):
    browser_size = "360x740"
    touch_enabled = True

    def test_records_are_cards_that_say_what_they_are(self):
        vehicle = self.put_on_the_map()
        plate, trip = vehicle.license_plate, vehicle.open_trip_id
        self.env["tms.gps.event"]._apply_batch(
            [arrival(trip, 99), event(plate, kind="speeding", data={"limit_kmh": 80})]
        )
        self.browse(
            """
            const { action } = odoo.__WOWL_DEBUG__.root.env.services;
            const card = (words) => {
                check(!one(".o_error_dialog"), "the page failed");
                const cards = [...document.querySelectorAll(".o_kanban_record")];
                const says = ({ textContent }) =>
                    words.every((word) => textContent.includes(word));
                return cards.find(says);
            };
            await action.doAction("tms_management.tms_trip_action");
            await until(() => card([trip, "Expected", "Test Pune"]));
            check(one(".o_kanban_record .text-danger"), "nothing says that it is late");
            await action.doAction("tms_management.action_tms_gps_event");
            await until(() => card([plate, "Speeding", "limit kmh 80"]));
            await until(() => card([plate, "Arrival expected", trip]));
            """,
            plate=plate,
            trip=trip.name,
        )

    def test_masters_are_cards_too(self):
        vehicle = self.put_on_the_map()
        plate, trip = vehicle.license_plate, vehicle.open_trip_id
        kind = self.env["tms.document.type"].create(
            {"name": "Test Permit", "applies_to": "vehicle"}
        )
        # The first to expire is on the first page.
        self.env["tms.document"].create(
            {
                "name": "P-1",
                "type_id": kind.id,
                "vehicle_id": vehicle.id,
                "expiry_date": "2001-01-01",
            }
        )
        self.browse(
            """
            const { action } = odoo.__WOWL_DEBUG__.root.env.services;
            const says = (words) => ({ textContent }) =>
                words.every((word) => textContent.includes(word));
            for (const [name, words] of Object.entries(cards)) {
                await action.doAction(`tms_management.${name}`);
                await until(() => {
                    check(!one(".o_error_dialog"), `${name} failed`);
                    const found = [...document.querySelectorAll(".o_kanban_record")];
                    return found.some(says(words));
                });
            }
            """,
            cards={
                "fleet_vehicle_action": [plate, "On trip", trip.name],
                "hr_employee_action_drivers": [trip.driver_id.name, "ZZ99"],
                "tms_route_action": [trip.route_id.name, "km"],
                "tms_document_action": ["Test Permit", plate],
                "action_tms_tracker": [plate],
                "action_tms_vehicle_position": [plate, "km/h"],
            },
        )
