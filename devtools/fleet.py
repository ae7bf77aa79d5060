"""Gives each tracker of the demo fleet its token, and the simulator its fleet file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devtools.errors import DevtoolsError
from devtools.odoo_server import write_private
from devtools.waiting import wait_until
from devtools.web import GpsAdminClient, OdooClient

# Every format that a device of the fleet can speak, dealt out in turn: an IMEI is that
# of a mounted tracker, any other id that of a phone.
TRACKER_FORMATS = ("teltonika", "native", "gt06")
PHONE_FORMATS = ("osmand", "traccar-json")
_IMEI = re.compile(r"[0-9]{15}")
PUBLISH_TIMEOUT_S = 90.0


def write_fleet(
    dispatcher: OdooClient,
    gps: GpsAdminClient,
    fleet_file: Path,
    publish: Callable[[], None],
) -> dict[str, str]:
    """Write the simulator's fleet file from Odoo's lanes and the service's tokens.

    A token that the file already holds is kept as long as the service knows it.

    :param publish: asks Odoo to publish its trackers now, not with its next cron.
    :returns: the token of each device.
    :raises DevtoolsError: when Odoo has no tracker, or does not publish them in time.
    """
    lanes = dispatcher.call("tms.trip", "get_lanes")
    if not lanes:
        raise DevtoolsError("Odoo has no vehicle with a tracker", "try `make reset`")
    devices = _published(gps, lanes, publish)
    tokens = _known_tokens(fleet_file)
    vehicles = []
    for number, lane in enumerate(lanes):
        device = lane["device_id"]
        if device not in tokens or not devices[device]["has_token"]:
            tokens[device] = gps.issue_token(device)
        vehicles.append(
            {
                "vehicle_identifier": lane["vehicle_identifier"],
                "device_id": device,
                "token": tokens[device],
                "format": _format(device, number),
                "state": lane["state"],
                "source": lane["source"],
                "destination": lane["destination"],
            }
        )
    write_private(fleet_file, json.dumps({"vehicles": vehicles}, indent=1))
    return {lane["device_id"]: tokens[lane["device_id"]] for lane in lanes}


def _format(device_id: str, number: int) -> str:
    formats = TRACKER_FORMATS if _IMEI.fullmatch(device_id) else PHONE_FORMATS
    return formats[number % len(formats)]


def read_tokens(fleet_file: Path) -> dict[str, str]:
    """Token of each device in a fleet file.

    :raises DevtoolsError: when there is no such file.
    """
    tokens = _known_tokens(fleet_file)
    if not tokens:
        raise DevtoolsError(f"{fleet_file} holds no fleet", "start the instance first")
    return tokens


def _known_tokens(fleet_file: Path) -> dict[str, str]:
    try:
        vehicles = json.loads(fleet_file.read_text())["vehicles"]
    except FileNotFoundError:
        return {}
    return {vehicle["device_id"]: vehicle["token"] for vehicle in vehicles}


def _published(
    gps: GpsAdminClient, lanes: list[dict[str, Any]], publish: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    wanted = {lane["device_id"] for lane in lanes}

    def complete() -> dict[str, dict[str, Any]] | None:
        devices = gps.devices()
        return devices if wanted <= devices.keys() else None

    devices = complete()
    if devices is not None:
        return devices
    publish()
    return wait_until(
        complete,
        what=f"Odoo to publish its {len(wanted)} trackers to the GPS service",
        timeout_s=PUBLISH_TIMEOUT_S,
        interval_s=0.3,
    )
