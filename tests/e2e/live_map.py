"""What a dispatcher sees of the live map, read from the page."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

# In Odoo within 10 s, then a poll of a few seconds; a busy machine is slower.
ON_SCREEN_MS = 60_000


@dataclass(frozen=True)
class LiveMap:
    """The live map on a page where somebody is signed in."""

    page: Page

    @classmethod
    def open(cls, page: Page, odoo_url: str) -> LiveMap:
        """Open the map and wait until its first answer is shown."""
        page.goto(f"{odoo_url}/odoo/live-map")
        page.wait_for_selector(".o_tms_live_map[data-phase=ready]")
        return cls(page)

    def marker(self, vehicle: str) -> Locator:
        """The marker of a truck."""
        return self.page.locator(f".leaflet-marker-icon[data-vehicle={vehicle}]")

    def position(self, vehicle: str) -> tuple[float, float]:
        """Latitude and longitude (degrees) where a truck's marker stands."""
        marker = self.marker(vehicle)
        latitude = marker.get_attribute("data-latitude")
        longitude = marker.get_attribute("data-longitude")
        assert latitude is not None and longitude is not None
        return float(latitude), float(longitude)

    def wait_for_position(
        self, vehicle: str, latitude: float, longitude: float
    ) -> tuple[float, float]:
        """Wait until a marker stands within about 10 m of a place; answers where."""
        self.page.wait_for_function(
            """([vehicle, latitude, longitude]) => {
                const marker = document.querySelector(
                    `.leaflet-marker-icon[data-vehicle="${vehicle}"]`);
                return marker &&
                    Math.abs(marker.dataset.latitude - latitude) < 1e-4 &&
                    Math.abs(marker.dataset.longitude - longitude) < 1e-4;
            }""",
            arg=[vehicle, latitude, longitude],
            timeout=ON_SCREEN_MS,
        )
        return self.position(vehicle)

    def pixel(self, vehicle: str) -> tuple[float, float]:
        """Where on the page, in CSS pixels, a truck's marker is drawn."""
        box = self.marker(vehicle).bounding_box()
        assert box is not None, f"{vehicle} is not drawn"
        return box["x"], box["y"]
