"""One running system for the whole suite, and a browser to look at it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    sync_playwright,
)

from devtools.browser import find_chromium
from devtools.instance import Instance

SCREENSHOTS = Path(__file__).resolve().parents[2] / "reports" / "screenshots"
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
# Chromium's own background traffic has nothing to do with the system under test.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


SignIn = Callable[[str, ViewportSize], Page]
Screenshot = Callable[[Page, str], None]
Send = Callable[..., httpx.Response]


@dataclass(frozen=True)
class Truck:
    """A vehicle of the demo fleet with its tracker."""

    vehicle_identifier: str
    device_id: str
    token: str
    state: str | None


def utc_time(minutes_ago: float = 0) -> str:
    """This moment, or one before it, as the wire formats write it."""
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture(scope="session")
def tms() -> Iterator[Instance]:
    """PostgreSQL, GPS service and Odoo with demo data; no simulator."""
    with Instance.temporary("e2e") as instance:
        instance.start()
        silence_odoobot(instance)
        yield instance


def silence_odoobot(tms: Instance) -> None:
    """Keep Odoo's tutorial from opening a chat over the screen at a first login."""
    admin = tms.odoo_client("admin")
    users = admin.call("res.users", "search", [["login", "in", list(tms.passwords)]])
    admin.call("res.users", "write", users, {"odoobot_state": "disabled"})


@pytest.fixture(scope="session")
def fleet(tms: Instance) -> list[Truck]:
    """The trucks that have a tracker."""
    return [
        Truck(row["vehicle_identifier"], row["device_id"], row["token"], row["state"])
        for row in json.loads(tms.fleet_file.read_text())["vehicles"]
    ]


@pytest.fixture(scope="session")
def driving(fleet: list[Truck]) -> list[Truck]:
    """The trucks with a trip under way."""
    return [truck for truck in fleet if truck.state == "in_transit"]


@pytest.fixture
def send(tms: Instance) -> Send:
    """Post one fix of a truck, now, through the GPS service's public URL."""

    def post(
        truck: Truck, latitude: float, longitude: float, **more: Any
    ) -> httpx.Response:
        row = {"latitude": latitude, "longitude": longitude, "timestamp": utc_time()}
        return httpx.post(
            f"{tms.urls.gps}/v1/positions",
            json={**row, **more},
            headers={"Authorization": f"Bearer {truck.token}"},
        )

    return post


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, headless."""
    executable = find_chromium()
    assert executable, "chromium is not installed: run `make setup`"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=CHROMIUM_FLAGS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def sign_in(tms: Instance, browser: Browser) -> Iterator[SignIn]:
    """Open a browser of its own for a login, at the page that follows the login."""
    contexts: list[BrowserContext] = []

    def open_page(login: str, viewport: ViewportSize) -> Page:
        context = browser.new_context(viewport=viewport)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{tms.urls.odoo}/web/login")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", tms.passwords[login])
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/web/login" not in url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def screenshot() -> Screenshot:
    """Keep what a page looks like in reports/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return take
