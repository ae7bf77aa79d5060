"""``events list | show | resend``: the admin API at a shell."""

import argparse
import json
from typing import Any
from uuid import UUID

import httpx

from gps_ingestion_service.admin_client import add_command, call
from gps_ingestion_service.events.repository import Delivery

_PATH = "/v1/events"


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    actions = add_command(commands, "events", "list, show or resend events to Odoo")
    listing = actions.add_parser("list", help="a JSON line per event")
    listing.add_argument("--delivery", choices=[str(item) for item in Delivery])
    listing.add_argument("--vehicle", metavar="VEHICLE_IDENTIFIER")
    listing.set_defaults(act=_list)
    show = actions.add_parser("show", help="one event")
    show.add_argument("uuid", type=UUID)
    show.set_defaults(act=_show)
    resend = actions.add_parser("resend", help="send an event, or all dead letters")
    which = resend.add_mutually_exclusive_group(required=True)
    which.add_argument("uuid", type=UUID, nargs="?")
    which.add_argument("--dead", action="store_true", help="every dead letter")
    resend.set_defaults(act=_resend)


def _list(client: httpx.Client, options: argparse.Namespace) -> int:
    cursor: int | None = 0
    while cursor is not None:
        page = call(
            client,
            "GET",
            _PATH,
            delivery=options.delivery,
            vehicle_identifier=options.vehicle,
            cursor=cursor,
        )
        for event in page["events"]:
            print(json.dumps(event))
        cursor = page["next"]
    return 0


def _show(client: httpx.Client, options: argparse.Namespace) -> int:
    print(json.dumps(call(client, "GET", f"{_PATH}/{options.uuid}"), indent=2))
    return 0


def _resend(client: httpx.Client, options: argparse.Namespace) -> int:
    path = "/resend" if options.dead else f"/{options.uuid}/resend"
    print(json.dumps(call(client, "POST", _PATH + path)))
    return 0
