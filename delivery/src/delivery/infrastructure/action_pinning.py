"""Has GitHub refuse actions that a workflow names otherwise than by commit.

Terraform calls this after its provider, whose version knows no such setting, has set
the others. Needs nothing but the standard library and `GITHUB_TOKEN`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delivery.errors import DeliveryError

PUBLIC_API = "https://api.github.com"
TIMEOUT_S = 30
#: What the provider sets too: GitHub takes all of them or none.
WANTED = {
    "enabled": True,
    "allowed_actions": "selected",
    "sha_pinning_required": True,
}


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub.

    :param name: ``owner/name``.
    :param api: address of the REST API.
    :param token: of somebody who administers the repository.
    """

    name: str
    api: str
    token: str

    def require_pinning(self) -> None:
        """Set it, and look that it is set.

        :raises DeliveryError: GitHub refuses, or does not know the setting.
        """
        self._call("PUT", WANTED)
        answer = json.loads(self._call("GET"))
        if not WANTED.items() <= answer.items():
            raise DeliveryError(
                f"{self.name}: GitHub took the settings of actions and answers "
                f"{json.dumps(answer)}, not {json.dumps(WANTED)}. An organisation or "
                "enterprise may decide it: look at its settings of actions"
            )

    def _call(self, method: str, given: Mapping[str, object] | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self.api}/repos/{self.name}/actions/permissions",
            data=None if given is None else json.dumps(given).encode(),
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            # The address is checked where it is read.
            with urllib.request.urlopen(
                request, timeout=TIMEOUT_S
            ) as answer:  # nosec B310
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace").strip()
            raise DeliveryError(
                f"{self.name}: {method} of its settings of actions: {error.code} "
                f"{said}. GITHUB_TOKEN must be of who administers the repository"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"{self.api} does not answer: {error}") from error
        return content


def main(arguments: Sequence[str]) -> int:
    """Have one repository require it; answers the exit status."""
    parser = argparse.ArgumentParser(prog="action_pinning", description=__doc__)
    parser.add_argument("repository", help="owner/name")
    options = parser.parse_args(arguments)
    try:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.repository):
            raise DeliveryError(f"{options.repository} is not owner/name")
        api = os.environ.get("GITHUB_API_URL", PUBLIC_API).rstrip("/")
        if not api.startswith(("https://", "http://127.0.0.1:")):
            raise DeliveryError(f"GITHUB_API_URL is {api}: a token goes by HTTPS alone")
        token = os.environ.get("GITHUB_TOKEN", "")
        if not token:
            raise DeliveryError("GITHUB_TOKEN is not set: see terraform/README.md")
        Repository(options.repository, api, token).require_pinning()
    except DeliveryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.repository}: actions have to be pinned by commit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
