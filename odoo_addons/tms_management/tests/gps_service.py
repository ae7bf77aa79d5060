"""A GPS service for the tests: a server on a real socket that answers as agreed."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

TOKEN = "admin-token-of-the-tests"


class GpsService(ThreadingHTTPServer):
    """Registers devices and trips by the rules of ``docs/interfaces.md``.

    ``answers`` holds what to answer instead: by device id or truck number, or for
    everybody by "*".
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.devices, self.trips, self.answers, self.calls = {}, {}, {}, []
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()

    def put(self, path, token, body):
        __, __, kind, name, *__ = unquote(path).split("/")
        self.calls.append(name)
        if token != f"Bearer {TOKEN}":
            return 401, {"error": {"code": "bad_token", "message": "No."}}
        if answer := self.answers.get(name) or self.answers.get("*"):
            return answer
        held = {"devices": self.devices, "vehicles": self.trips}[kind]
        known = held.get(name)
        if known and body["version"] < known["version"]:
            return 409, {"error": {"code": "stale_version", "message": "Older."}}
        if known and body["version"] == known["version"] and body != known:
            return 409, {"error": {"code": "version_conflict", "message": "Other."}}
        held[name] = body
        return (200 if known else 201), body


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.server.put(self.path, self.headers["Authorization"], body)
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        """Say nothing: the tests look at what was called."""
