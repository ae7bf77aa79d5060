"""``clock recorrect``: the admin API at a shell."""

import argparse
import json
from typing import Any

import httpx

from gps_ingestion_service.admin_client import add_command, call


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    actions = add_command(commands, "clock", "put stored times right after a clock")
    recorrect = actions.add_parser(
        "recorrect", help="derive stored times again in the zone that is set now"
    )
    recorrect.add_argument("device", metavar="DEVICE_ID")
    recorrect.add_argument(
        "--from", dest="start", required=True, metavar="TIME", help="ISO 8601, included"
    )
    recorrect.add_argument(
        "--to", dest="end", required=True, metavar="TIME", help="excluded"
    )
    recorrect.set_defaults(act=_recorrect)


def _recorrect(client: httpx.Client, options: argparse.Namespace) -> int:
    path = f"/v1/devices/{options.device}/recorrect"
    done = call(client, "POST", path, **{"from": options.start, "to": options.end})
    print(json.dumps(done))
    return 1 if done["left"] else 0
