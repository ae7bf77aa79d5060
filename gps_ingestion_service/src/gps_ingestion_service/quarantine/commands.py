"""``quarantine list | show | replay | discard``: the admin API at a shell."""

import argparse
import json
from typing import Any

import httpx

from gps_ingestion_service.admin_client import add_command, call

_PATH = "/v1/quarantine"


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    actions = add_command(
        commands, "quarantine", "list, show, replay or discard refused messages"
    )
    listing = actions.add_parser("list", help="a JSON line per message")
    listing.add_argument("--device", metavar="DEVICE_ID")
    listing.set_defaults(act=_list)
    show = actions.add_parser("show", help="content, and what it decodes to now")
    show.add_argument("id", type=int)
    show.set_defaults(act=_show)
    replay = actions.add_parser("replay", help="take messages again; 1 if any stays")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("id", type=int, nargs="?")
    which.add_argument("--device", metavar="DEVICE_ID")
    replay.set_defaults(act=_replay)
    discard = actions.add_parser("discard", help="let go of a message for good")
    discard.add_argument("id", type=int)
    discard.set_defaults(act=_discard)


def _list(client: httpx.Client, options: argparse.Namespace) -> int:
    cursor: int | None = 0
    while cursor is not None:
        page = call(client, "GET", _PATH, device_id=options.device, cursor=cursor)
        for message in page["messages"]:
            print(json.dumps(message))
        cursor = page["next"]
    return 0


def _show(client: httpx.Client, options: argparse.Namespace) -> int:
    print(json.dumps(call(client, "GET", f"{_PATH}/{options.id}"), indent=2))
    return 0


def _replay(client: httpx.Client, options: argparse.Namespace) -> int:
    if options.id is not None:
        results = [call(client, "POST", f"{_PATH}/{options.id}/replay")]
    else:
        results = []
        cursor: int | None = 0
        while cursor is not None:
            page = call(
                client,
                "POST",
                f"{_PATH}/replay",
                device_id=options.device,
                cursor=cursor,
            )
            results += page["results"]
            cursor = page["next"]
    for result in results:
        print(json.dumps(result))
    return 0 if all(result["released"] for result in results) else 1


def _discard(client: httpx.Client, options: argparse.Namespace) -> int:
    call(client, "DELETE", f"{_PATH}/{options.id}")
    return 0
