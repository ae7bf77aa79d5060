"""Clients for the HTTP interfaces of Odoo and of the GPS service."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from devtools.errors import DevtoolsError

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """Status and body of an HTTP answer, whatever the status."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        :raises DevtoolsError: when it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            start = self.body[:80].decode("utf-8", "replace")
            raise DevtoolsError(f"expected JSON, got {start!r}") from error


def _opener() -> urllib.request.OpenerDirector:
    """An opener that keeps cookies and never asks a proxy for 127.0.0.1."""
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )


def request(
    url: str,
    *,
    method: str = "GET",
    payload: object | None = None,
    token: str = "",
    timeout_s: float = _TIMEOUT_S,
    opener: urllib.request.OpenerDirector | None = None,
) -> Answer:
    """Call a URL; ``payload`` is sent as JSON, ``token`` as bearer token.

    :raises DevtoolsError: when nobody answers.
    """
    headers = {"Accept": "application/json"}
    data = None
    if payload is not None:
        data = json.dumps(payload).encode()
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    call = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with (opener or _opener()).open(call, timeout=timeout_s) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise DevtoolsError(f"{url.partition('?')[0]}: {reason}") from error


def answers(url: str, timeout_s: float = 3.0) -> bool:
    """Whether a GET of the URL is answered with status 200."""
    try:
        return request(url, timeout_s=timeout_s).status == 200
    except DevtoolsError:
        return False


@dataclass
class OdooClient:
    """One user's session in Odoo, over the JSON-RPC routes of the web client.

    :param url: base URL of Odoo.
    :param login: the user's login; signs in with the first call.
    """

    url: str
    database: str
    login: str
    password: str = field(repr=False)
    uid: int | None = None
    _session: urllib.request.OpenerDirector = field(default_factory=_opener, repr=False)

    def sign_in(self) -> int:
        """Open the session and answer the user's id.

        :raises DevtoolsError: when login or password is wrong.
        """
        parameters = {
            "db": self.database,
            "login": self.login,
            "password": self.password,
        }
        result = self._post("/web/session/authenticate", parameters)
        if not result or not result.get("uid"):
            raise DevtoolsError(f"Odoo refused the login {self.login!r}")
        self.uid = int(result["uid"])
        return self.uid

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a public method of a model as this user.

        :raises DevtoolsError: with Odoo's message when the method raises.
        """
        if self.uid is None:
            self.sign_in()
        parameters = {
            "model": model,
            "method": method,
            "args": list(args),
            "kwargs": kwargs,
        }
        return self._post(f"/web/dataset/call_kw/{model}/{method}", parameters)

    def _post(self, path: str, parameters: dict[str, Any]) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters}
        answer = request(
            self.url + path, method="POST", payload=body, opener=self._session
        )
        reply = answer.json()
        if "error" in reply:
            data = reply["error"].get("data") or {}
            message = data.get("message") or reply["error"].get("message")
            raise DevtoolsError(f"Odoo refused {path}: {message}")
        return reply.get("result")


@dataclass
class GpsAdminClient:
    """The provisioning and reading API of the GPS service."""

    url: str
    token: str = field(repr=False)

    def devices(self) -> dict[str, dict[str, Any]]:
        """Every registered device by its id."""
        devices: dict[str, dict[str, Any]] = {}
        cursor = ""
        while True:
            page = self._call("GET", f"/v1/devices{cursor}")
            devices.update({row["device_id"]: row for row in page["devices"]})
            if not page.get("next"):
                return devices
            cursor = f"?cursor={page['next']}"

    def issue_token(self, device_id: str) -> str:
        """Give a device a new token; the one it had stops working."""
        path = f"/v1/devices/{device_id}/token"
        return str(self._call("POST", path)["token"])

    def last_positions(self) -> list[dict[str, Any]]:
        """The newest position of each device that has one."""
        return list(self._call("GET", "/v1/positions/last")["positions"])

    def _call(self, method: str, path: str) -> dict[str, Any]:
        answer = request(self.url + path, method=method, token=self.token)
        reply: dict[str, Any] = answer.json()
        if answer.status >= 400:
            error = reply.get("error", {}).get("message", answer.status)
            raise DevtoolsError(f"the GPS service refused {method} {path}: {error}")
        return reply
