"""The admin API at a shell: what its commands share."""

import argparse
import sys
from typing import Any

import httpx

from gps_ingestion_service.settings import AdminSettings, load

_TIMEOUT_S = 60.0


class CallFailed(Exception):
    """The service did not do what was asked; the message says why."""


def add_command(commands: Any, name: str, summary: str) -> Any:
    """Add a command to the program's parser; what to add its actions to. The ``act``
    of an action takes a client and the options, and returns the exit status."""
    parser = commands.add_parser(name, help=summary)
    parser.add_argument("--url", default="http://127.0.0.1:8070", help="the service's")
    parser.set_defaults(run=_run)
    return parser.add_subparsers(required=True, metavar="ACTION")


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


def call(
    client: httpx.Client, method: str, path: str, body: Any = None, **params: Any
) -> Any:
    """The answer to one call, with a JSON body where there is one.

    Raises:
        CallFailed: with the message of the service's error.
    """
    response = client.request(
        method,
        path,
        json=body,
        params={key: value for key, value in params.items() if value is not None},
    )
    if response.is_success:
        return response.json() if response.content else None
    try:
        raise CallFailed(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        raise CallFailed(f"HTTP {response.status_code}") from None
