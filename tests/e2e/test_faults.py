"""Kill each part while trucks drive: no fix is lost and the map catches up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from conftest import DESKTOP, SignIn
from live_map import ON_SCREEN_MS, LiveMap

from devtools.instance import Instance
from devtools.waiting import wait_until

# A fix is known by its device id and its time.
FixKey = tuple[str, datetime]
PATIENCE_S = ON_SCREEN_MS / 1000
# How long each victim stays away, seconds: `make soak` asks for the long form.
SOAK = os.environ.get("FAULTS") == "soak"
OUTAGE_S = {"gps": 60, "odoo": 600, "postgres": 60} if SOAK else {}
# Device id and fix time of every stored fix.
STORED = "SELECT device_id, fix_time FROM fix JOIN device ON device.id = fix.device"


class Fleet:
    """The simulator as a process of the test, with its ledger of acknowledged fixes."""

    def __init__(self, tms: Instance, ledger: Path) -> None:
        self.ledger = ledger
        ledger.touch()
        command = [sys.executable, "-m", "simulator", "drive", "--seed", "11"]
        command += ["--fleet", str(tms.fleet_file), "--url", tms.urls.gps]
        command += ["--teltonika-port", str(tms.ports.teltonika)]
        command += ["--gt06-port", str(tms.ports.gt06)]
        command += ["--interval", "1", "--ledger", str(ledger)]
        self.process = subprocess.Popen(command, cwd=tms.layout.root)

    def acknowledged(self) -> list[FixKey]:
        """Every fix that the service acknowledged so far."""
        rows = [json.loads(line) for line in self.ledger.read_text().splitlines()]
        return [
            (row["device_id"], datetime.fromisoformat(row["timestamp"])) for row in rows
        ]

    def wait_for_more(self, count: int = 50) -> None:
        """Wait until ``count`` more fixes are acknowledged than now."""
        goal = len(self.acknowledged()) + count
        wait_until(
            lambda: len(self.acknowledged()) >= goal,
            what=f"{count} more acknowledged fixes",
            timeout_s=PATIENCE_S,
        )

    def park(self) -> None:
        """End the simulator in good order."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


@pytest.fixture
def simulated(tms: Instance, tmp_path: Path) -> Iterator[Fleet]:
    """The demo fleet, driving."""
    fleet = Fleet(tms, tmp_path / "ledger.jsonl")
    yield fleet
    if fleet.process.poll() is None:
        fleet.process.kill()
        fleet.process.wait()


def stored_fixes(tms: Instance) -> list[FixKey]:
    """Every fix in the service's database."""
    with psycopg.connect(tms.database_urls["gps"]) as connection:
        return connection.execute(STORED).fetchall()


def odoo_is_behind(tms: Instance) -> dict[str, str]:
    """Vehicles whose last position in Odoo is older than the service's newest."""
    rows = tms.odoo_client("dispatcher").call(
        "tms.vehicle.position", "search_read", [], ["vehicle_id", "fix_time"]
    )
    in_odoo = {row["vehicle_id"][0]: row["fix_time"] for row in rows}
    vehicles = tms.odoo_client("dispatcher").call(
        "fleet.vehicle", "search_read", [], ["license_plate"]
    )
    by_plate = {row["license_plate"]: in_odoo.get(row["id"], "") for row in vehicles}
    behind = {}
    for row in tms.gps_client().last_positions():
        # Odoo keeps whole seconds.
        newest = row["timestamp"][:19].replace("T", " ")
        if by_plate.get(row["vehicle_identifier"], "") < newest:
            behind[row["vehicle_identifier"]] = newest
    return behind


@pytest.mark.parametrize("victim", ["gps", "odoo", "postgres"])
def test_killing_a_service_loses_no_acknowledged_fix_and_the_map_catches_up(
    tms: Instance, simulated: Fleet, sign_in: SignIn, victim: str
) -> None:
    page = sign_in("dispatcher", DESKTOP)
    live_map = LiveMap.open(page, tms.urls.odoo)
    simulated.wait_for_more()

    tms.kill(victim, signal.SIGKILL)
    time.sleep(OUTAGE_S.get(victim, 0))
    if victim == "odoo":  # the trackers do not notice
        simulated.wait_for_more()
    tms.start_service(victim)
    simulated.wait_for_more()
    simulated.park()

    promised = simulated.acknowledged()
    lost = set(promised) - set(stored_fixes(tms))
    assert not lost, f"{len(lost)} of {len(promised)} acknowledged fixes are lost"
    wait_until(
        lambda: not odoo_is_behind(tms),
        what="Odoo to hold the newest position of every vehicle",
        timeout_s=PATIENCE_S,
    )
    for row in tms.gps_client().last_positions():
        live_map.wait_for_position(
            row["vehicle_identifier"], row["latitude"], row["longitude"]
        )
