"""OSV's query API over a folder of records, on the loopback interface only.

pip-audit asks one question per package: ``POST /v1/query`` with package and version.
Source: https://google.github.io/osv.dev/post-v1-query/
"""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from delivery.advisories.records import AdvisoryDatabase
from delivery.errors import DeliveryError

QUERY_PATH = "/v1/query"
_MAX_BODY_BYTES = 64 * 1024


class AdvisoryServer(ThreadingHTTPServer):
    """Answers OSV queries from records.

    :param port: TCP port on 127.0.0.1, 0 for any free one.
    """

    daemon_threads = True

    def __init__(self, database: AdvisoryDatabase, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.database = database

    @property
    def url(self) -> str:
        """Address for ``PIP_AUDIT_OSV_URL``."""
        return f"http://127.0.0.1:{self.server_port}{QUERY_PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: AdvisoryServer

    def do_POST(self) -> None:
        if self.path != QUERY_PATH:
            self._answer(
                HTTPStatus.NOT_FOUND, {"message": f"only {QUERY_PATH} is served"}
            )
            return
        try:
            name, version = self._question()
            found = self.server.database.matching(name, version)
        except DeliveryError as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"message": str(error)})
        else:
            self._answer(HTTPStatus.OK, {"vulns": found} if found else {})

    def _question(self) -> tuple[str, str]:
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 < length <= _MAX_BODY_BYTES:
            raise DeliveryError("send one JSON query with a Content-Length")
        try:
            query = json.loads(self.rfile.read(length))
            return str(query["package"]["name"]), str(query["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryError("a query needs package.name and version") from error

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Queries are not logged: pip-audit's own report names every package."""
