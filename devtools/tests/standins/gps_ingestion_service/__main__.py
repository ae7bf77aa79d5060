"""Stand-in for the GPS service: a device registry in memory, behind its admin API."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SECRETS = Path(os.environ["GPS_SECRETS_DIR"])
TOKEN = (SECRETS / "gps_admin_token").read_text()
ODOO_TOKEN = (SECRETS / "gps_provision_token").read_text()
DEVICES: dict[str, bool] = {}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        print(self.path, flush=True)

    def answer(self, payload: object, status: int = 200) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self, token: str = TOKEN) -> bool:
        if self.headers.get("Authorization") == f"Bearer {token}":
            return True
        error = {"code": "unauthorized", "message": "wrong token"}
        self.answer({"error": error}, 401)
        return False

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.answer({"status": "ready"})
        elif self.allowed() and self.path == "/v1/positions/last":
            self.answer({"positions": [{"device_id": name} for name in DEVICES]})
        elif self.path.startswith("/v1/devices"):
            names = sorted(DEVICES)
            after = self.path.partition("cursor=")[2]
            page = [name for name in names if name > after][:3]
            rows = [{"device_id": n, "has_token": DEVICES[n]} for n in page]
            more = bool(page) and page[-1] != names[-1]
            self.answer({"devices": rows, "next": page[-1] if more else None})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.allowed(ODOO_TOKEN):
            DEVICES.setdefault(self.path.rpartition("/")[2], False)
            self.answer({}, 201)

    def do_POST(self) -> None:
        if self.allowed():
            name = self.path.split("/")[-2]
            DEVICES[name] = True
            self.answer({"token": f"secret of {name}"})


def main() -> int:
    if sys.argv[1] == "migrate":
        broken = Path("broken-schema").exists()
        print("no such revision" if broken else "the schema is current")
        return int(broken)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    return 0


raise SystemExit(main())
