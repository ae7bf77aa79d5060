"""The live map in a real browser."""

import json

from odoo.tests import HttpCase, tagged

from .gps_common import (
    SECRET,
    GpsFactory,
    arrival,
    batch,
    gps_settings,
    position,
    signed_headers,
    utc,
)

# Waits for what the page does, frame by frame; the test's own time limit is the limit.
PRELUDE = """
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const until = async (look) => {
    for (;;) {
        const found = look();
        if (found) {
            return found;
        }
        await frame();
    }
};
const one = (selector) => document.querySelector(selector);
const marker = (vehicle) => one(`.o_tms_marker[data-vehicle="${vehicle}"]`);
const check = (holds, what) => {
    if (!holds) {
        throw new Error(what);
    }
};
const type = (text) => {
    const input = one(".o_tms_search input");
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
};
await until(() => one(".o_tms_live_map"));
"""


class LiveMapCase(GpsFactory, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_transport()
        cls.user = cls.make_user("dispatcher")
        # Built once for the class: built within a test they are undone with it, and the
        # browser of the next one waits for them again.
        bundle = cls.env["ir.qweb"]._get_asset_bundle("web.assets_web")
        bundle.js()
        bundle.css()
        # Whatever fleet the database has is not on this map.
        cls.env["tms.tracker"].search([]).active = False
        cls.env["tms.vehicle.position"].search([]).unlink()

    def put_on_the_map(self, state="in_transit", **values):
        """Return a vehicle with a tracker and a position, on a trip in ``state``."""
        vehicle = self.make_trip(state).vehicle_id
        self.make_tracker(vehicle)
        self.apply(position(vehicle.license_plate, **values))
        return vehicle

    def browse(self, script, **values):
        """Run ``script`` on the map; ``values`` are its constants."""
        constants = "".join(
            f"const {name} = {json.dumps(value)};\n" for name, value in values.items()
        )
        code = (
            f"(async () => {{ {PRELUDE}{constants}{script}\n"
            "console.log('test successful'); })()"
            ".catch((error) => console.error(error.message));"
        )
        with gps_settings(TMS_GPS_HMAC_SECRET=SECRET):
            self.browser_js(
                "/odoo/live-map",
                code,
                login=self.user.login,
                timeout=120,
                error_checker=lambda message: "Failed to load resource" not in message,
            )


@tagged("post_install", "-at_install")
class TestLiveMapBrowser(LiveMapCase):
    def test_a_marker_moves_when_a_signed_fix_arrives(self):
        vehicle = self.put_on_the_map(fix_time=utc(30), latitude=18.5, longitude=73.5)
        plate = vehicle.license_plate
        body = batch(position(plate, fix_time=utc(5), latitude=18.6, longitude=73.6))
        self.browse(
            """
            const truck = await until(() => marker(plate));
            await until(() => truck.dataset.latitude === "18.5");
            check(truck.dataset.longitude === "73.5", "not at its first fix");
            const before = truck.style.transform;
            const answer = await fetch("/tms/gps/v1/positions", {
                method: "POST", headers, body,
            });
            check(answer.status === 200, "the fix was refused: " + answer.status);
            await until(() => truck.dataset.latitude === "18.6");
            check(truck.dataset.longitude === "73.6", "not at its second fix");
            check(truck.isConnected, "the marker was replaced instead of moved");
            check(truck.style.transform !== before, "it is drawn where it was");
            """,
            plate=plate,
            headers=signed_headers(body),
            body=body.decode(),
        )

    def test_the_view_stays_when_news_arrive(self):
        vehicle = self.put_on_the_map(fix_time=utc(30), latitude=18.5, longitude=73.5)
        plate = vehicle.license_plate
        body = batch(position(plate, fix_time=utc(5), latitude=18.6, longitude=73.6))
        self.browse(
            """
            const truck = await until(() => marker(plate));
            (await until(() => one(".o_tms_row"))).click();
            await until(() => one(".o_tms_popup"));
            const pane = one(".leaflet-map-pane");
            // The popup's own pan comes to rest before anything is compared.
            await until(() => !one(".leaflet-pan-anim"));
            const before = pane.style.transform;
            await fetch("/tms/gps/v1/positions", { method: "POST", headers, body });
            await until(() => truck.dataset.latitude === "18.6");
            check(pane.style.transform === before, "the map was moved");
            """,
            plate=plate,
            headers=signed_headers(body),
            body=body.decode(),
        )

    def test_states_show_by_colour_and_shape_and_silence_is_grey(self):
        vehicles = {
            state: self.put_on_the_map(state).license_plate
            for state in ("in_transit", "on_hold", "assigned", "planned")
        }
        silent = self.put_on_the_map(fix_time=utc(16 * 60)).license_plate
        self.browse(
            """
            const looks = new Map();
            for (const [state, plate] of Object.entries(vehicles)) {
                const truck = await until(() => marker(plate));
                const shown = state === "planned" ? "available" : state;
                check(truck.dataset.state === shown, plate + truck.dataset.state);
                check(truck.dataset.silent === "0", plate + " is silent");
                const badge = truck.querySelector(".o_tms_marker_badge");
                const style = getComputedStyle(badge);
                looks.set(style.backgroundColor + style.borderColor, badge.innerHTML);
            }
            check(looks.size === 4, "two states have one colour");
            check(new Set(looks.values()).size === 4, "two states have one glyph");
            const truck = await until(() => marker(silent));
            check(truck.dataset.silent === "1", "silence does not show");
            check(truck.dataset.state === "in_transit", "its trip is forgotten");
            const badge = truck.querySelector(".o_tms_marker_badge");
            const grey = getComputedStyle(badge).backgroundColor;
            check(grey === "rgb(107, 114, 128)", grey);
            const words = truck.getAttribute("aria-label");
            check(words.includes("Silent"), words);
            const count = (state) => one(
                `[data-filter="${state}"] .o_tms_chip_count`).textContent;
            await until(() => count("in_transit") === "2");
            await until(() => count("available") === "1" && count("silent") === "1");
            """,
            vehicles=vehicles,
            silent=silent,
        )

    def test_the_popup_says_all_and_leads_to_the_trip(self):
        vehicle = self.put_on_the_map(speed_kmh=54.4)
        trip = vehicle.open_trip_id
        self.env["tms.gps.event"]._apply_batch([arrival(trip, 99)])
        self.browse(
            """
            (await until(() => marker(plate))).click();
            const field = (name) =>
                one(`.o_tms_popup [data-field="${name}"]`).textContent;
            await until(() => one(".o_tms_popup"));
            check(field("trip") === trip, field("trip"));
            check(field("driver") === driver, field("driver"));
            check(field("destination") === "Test Pune", field("destination"));
            check(/, late, 88 km to go$/.test(field("arrival")), field("arrival"));
            check(field("speed") === "54 km/h", field("speed"));
            check(/^\\d+ (s|min) ago$/.test(field("age")), field("age"));
            check(one(".o_tms_popup [data-open=vehicle]"), "no way to the vehicle");
            one(".o_tms_popup [data-open=trip]").click();
            await until(() => one(".o_form_view"));
            await until(() => document.body.textContent.includes(trip));
            """,
            plate=vehicle.license_plate,
            trip=trip.name,
            driver=trip.driver_id.name,
        )

    def test_filters_and_search_narrow_the_map(self):
        moving = self.put_on_the_map()
        held = self.put_on_the_map("on_hold")
        self.browse(
            """
            await until(() => marker(moving) && marker(held));
            one("[data-filter=on_hold]").click();
            await until(() => !marker(moving));
            check(marker(held), "the one on hold is gone");
            await until(() => one("[data-filter=on_hold][aria-pressed=true]"));
            one("[data-filter=on_hold]").click();
            await until(() => marker(moving));
            type(driver);
            await until(() => !marker(held));
            check(marker(moving), "not found by its driver");
            type("nobody at all");
            await until(() => one("[data-empty=no_match]"));
            one("[data-empty=no_match] button").click();
            await until(() => marker(moving) && marker(held));
            await until(() => one(".o_tms_search input").value === "");
            """,
            moving=moving.license_plate,
            held=held.license_plate,
            driver=moving.open_trip_id.driver_id.name,
        )

    def test_a_map_without_trackers_says_how_to_begin(self):
        self.browse("""
            await until(() => one("[data-empty=no_tracker]"));
            one("[data-empty=no_tracker] button").click();
            await until(() => one(".o_list_view"));
            await until(() => one(".o_view_nocontent"));
            """)

    def test_a_map_without_positions_says_what_to_check(self):
        vehicle = self.make_vehicle()
        self.make_tracker(vehicle)
        self.browse(
            """
            await until(() => one("[data-empty=no_position]"));
            const row = await until(() => one(`.o_tms_row[data-vehicle="${plate}"]`));
            check(row.textContent.includes("Never seen"), row.textContent);
            """,
            plate=vehicle.license_plate,
        )

    def test_a_lost_connection_shows_and_heals(self):
        vehicle = self.put_on_the_map()
        self.browse(
            """
            await until(() => marker(plate));
            const open = XMLHttpRequest.prototype.open;
            XMLHttpRequest.prototype.open = function (method, url, ...rest) {
                const cut = url.includes("get_live_map") && "http://127.0.0.1:9/";
                return open.call(this, method, cut || url, ...rest);
            };
            const problem = await until(() => one(".o_tms_notice_problem"));
            check(problem.textContent.includes("Connection lost"), problem.textContent);
            check(marker(plate), "the fleet is gone");
            XMLHttpRequest.prototype.open = open;
            problem.querySelector("button").click();
            await until(() => !one(".o_tms_notice_problem"));
            """,
            plate=vehicle.license_plate,
        )

    def test_land_is_drawn_without_any_tile_server(self):
        self.put_on_the_map()
        self.browse("""
            const canvas = await until(() => one(".leaflet-outlines-pane canvas"));
            const painted = () => canvas.getContext("2d")
                .getImageData(0, 0, canvas.width, canvas.height).data
                .some((value) => value);
            await until(painted);
            check(!one(".leaflet-tile"), "a tile was asked for");
            await until(() => one(".o_tms_place"));
            const hosts = performance.getEntriesByType("resource")
                .map(({ name }) => new URL(name).host)
                .filter((host) => host && host !== location.host);
            check(!hosts.length, "asked elsewhere: " + hosts);
            """)

    def test_outlines_stand_in_for_tiles_that_do_not_come(self):
        self.env["ir.config_parameter"].set_param(
            "tms_management.map_tile_url", "/tms_management/no_tiles/{z}/{x}/{y}.png"
        )
        self.put_on_the_map()
        self.browse("""
            await until(() => one(".leaflet-outlines-pane canvas"));
            const notices = one(".o_tms_notices");
            await until(() => notices.textContent.includes("not reachable"));
            """)


@tagged("post_install", "-at_install")
class TestLiveMapPhone(LiveMapCase):
    browser_size = "360x740"
    touch_enabled = True

    def test_the_list_is_a_sheet_and_fingers_hit_what_they_want(self):
        vehicle = self.put_on_the_map()
        self.browse(
            """
            await until(() => marker(plate));
            check(innerWidth === 360, "the window is " + innerWidth + " wide");
            // The web client hides what is too wide: the document's width says nothing.
            const tooWide = () => [
                ".o_main_navbar", ".o_action_manager", ".o_tms_live_map",
            ].filter((part) => one(part).scrollWidth > one(part).clientWidth);
            check(!tooWide().length, "too wide: " + tooWide());
            for (const part of [".o_main_navbar", ".o_tms_live_map"]) {
                const planted = document.createElement("div");
                planted.style.cssText = "flex: none; width: 500px; height: 1px";
                one(part).append(planted);
                check(tooWide().includes(part), "500 px go unnoticed in " + part);
                planted.remove();
            }
            const grip = one(".o_tms_grip");
            check(grip.ariaExpanded === "false", "opens with the list");
            await until(() => one(".o_tms_fit") && one(".o_tms_row"));
            for (const target of [
                grip, marker(plate), one(".o_tms_chip"), one(".o_tms_fit"),
                one(".leaflet-control-zoom-in"),
            ]) {
                const { left, right, width, height } = target.getBoundingClientRect();
                check(width >= 44 && height >= 44,
                    target.className + " is " + width + " x " + height);
                check(left >= 0 && right <= innerWidth,
                    target.className + " is at " + left + " to " + right);
            }
            grip.click();
            await until(() => grip.ariaExpanded === "true");
            const row = one(`.o_tms_row[data-vehicle="${plate}"]`);
            await until(() => getComputedStyle(row).visibility === "visible");
            row.click();
            await until(() => grip.ariaExpanded === "false");
            await until(() => one(".o_tms_popup"));
            """,
            plate=vehicle.license_plate,
        )
