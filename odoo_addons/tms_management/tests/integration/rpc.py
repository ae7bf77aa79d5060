"""A session with a deployed Odoo, as a browser has one."""

import re

import httpx

_CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Refused(Exception):
    """Odoo answered with an error; the text is what a person would read."""


class OdooSession:
    """Logs in through the login form and calls methods of models.

    The form needs no database name, which a deployed system does not tell.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def login(self, login: str, password: str) -> None:
        """Log in.

        :raises Refused: when the form says that login or password are wrong
        """
        page = self.client.get("/web/login")
        page.raise_for_status()
        token = _CSRF_TOKEN.search(page.text)
        if token is None:
            raise Refused(f"{page.url} shows no login form")
        form = {"csrf_token": token.group(1), "login": login, "password": password}
        answer = self.client.post("/web/login", data=form)
        if answer.status_code != 303:
            raise Refused(f"the login form answered {answer.status_code}")

    def post(self, path: str, **params: object) -> object:
        """Return the result of a JSON route.

        :raises Refused: with the message of the error it answers
        """
        body = {"jsonrpc": "2.0", "method": "call", "params": params}
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        content = answer.json()
        if "error" in content:
            raise Refused(content["error"]["data"]["message"])
        return content.get("result")

    def call(self, model: str, method: str, *args: object, **kwargs: object) -> object:
        """Return what ``method`` of ``model`` answers."""
        return self.post(
            "/web/dataset/call_kw",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )
