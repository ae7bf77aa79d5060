"""``quarantine list | show | replay | discard``: the admin API at a shell."""

import argparse
import json
import sys
from typing import Any

import httpx

from gps_ingestion_service.settings import AdminSettings, load

_PATH = "/v1/quarantine"
_TIMEOUT_S = 60.0


class CallFailed(Exception):
    """The service did not do what was asked; the message says why."""


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    parser = commands.add_parser(
        "quarantine", help="list, show, replay or discard refused messages"
    )
    parser.add_argument("--url", default="http://127.0.0.1:8070", help="the service's")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
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
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    token = load(AdminSettings).admin_token.get_secret_value()
    with httpx.Client(
        base_url=options.url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=_TIMEOUT_S,
        trust_env=False,
    ) as client:
        try:
            status: int = options.act(client, options)
        except (httpx.HTTPError, CallFailed) as error:
            print(f"gps_ingestion_service: {options.url}: {error}", file=sys.stderr)
            return 1
    return status


def _call(client: httpx.Client, method: str, path: str, **params: Any) -> Any:
    response = client.request(
        method,
        _PATH + path,
        params={key: value for key, value in params.items() if value is not None},
    )
    if response.is_success:
        return response.json() if response.content else None
    try:
        raise CallFailed(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        raise CallFailed(f"HTTP {response.status_code}") from None


def _list(client: httpx.Client, options: argparse.Namespace) -> int:
    cursor: int | None = 0
    while cursor is not None:
        page = _call(client, "GET", "", device_id=options.device, cursor=cursor)
        for message in page["messages"]:
            print(json.dumps(message))
        cursor = page["next"]
    return 0


def _show(client: httpx.Client, options: argparse.Namespace) -> int:
    print(json.dumps(_call(client, "GET", f"/{options.id}"), indent=2))
    return 0


def _replay(client: httpx.Client, options: argparse.Namespace) -> int:
    if options.id is not None:
        results = [_call(client, "POST", f"/{options.id}/replay")]
    else:
        results = []
        cursor: int | None = 0
        while cursor is not None:
            page = _call(
                client, "POST", "/replay", device_id=options.device, cursor=cursor
            )
            results += page["results"]
            cursor = page["next"]
    for result in results:
        print(json.dumps(result))
    return 0 if all(result["released"] for result in results) else 1


def _discard(client: httpx.Client, options: argparse.Namespace) -> int:
    _call(client, "DELETE", f"/{options.id}")
    return 0
