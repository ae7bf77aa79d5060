"""Starts Odoo in a container: one image, one role per workload.

``web``, ``websocket`` and ``cron`` never return; ``migrate`` brings the database to the
image's schema and ends; ``schema`` says how far apart the two are; ``healthy`` asks the
running server. Settings come from the environment, secrets from mounted files.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from addon_database import (
    ADDON,
    SERVER_DATABASE,
    Installed,
    compare,
    connect,
    dotted,
    migration,
    read_image,
    read_installed,
    record,
    report,
)
from launch_settings import (
    DatabaseAhead,
    DatabaseAway,
    LaunchError,
    Settings,
    run_folder,
)

# Any number will do; it must only be the same in every replica.
MIGRATION_LOCK = 0x746D736D6967
HTTP_PORT = 8069
WEBSOCKET_PORT = 8072
POLL_S = 2.0
# Exit code of a migration that would have to go backwards.
DATABASE_AHEAD = 3


def configuration(settings: Settings, role: str) -> str:
    """Odoo's configuration file: two workers for ``web``, jobs only for ``cron``.

    The database manager is off and its password random: nobody is to have it.
    """
    folders = (
        settings.odoo_home / "odoo" / "addons",
        settings.odoo_home / "addons",
        settings.addons,
    )
    options: dict[str, object] = {
        "addons_path": ",".join(str(folder) for folder in folders if folder.is_dir()),
        "admin_passwd": secrets.token_hex(32),
        "data_dir": settings.data_folder,
        "db_host": settings.db_host,
        "db_port": settings.db_port,
        "db_user": settings.db_user,
        "db_password": settings.db_password,
        "db_sslmode": settings.db_sslmode,
        "db_name": settings.db_name,
        "dbfilter": f"^{settings.db_name}$",
        "list_db": False,
        "proxy_mode": True,
        "http_interface": "0.0.0.0",  # nosec B104
        # Odoo's evented mode listens at the other one only; `healthy` reads this.
        "http_port": WEBSOCKET_PORT if role == "websocket" else HTTP_PORT,
        "gevent_port": WEBSOCKET_PORT,
        "workers": 2 if role == "web" else 0,
        "max_cron_threads": 2 if role == "cron" else 0,
    }
    lines = "".join(f"{name} = {value}\n" for name, value in options.items())
    return f"[options]\n{lines}"


def configuration_path(folder: Path) -> Path:
    """Where the configuration is, in the folder of a running container."""
    return folder / "odoo.conf"


def write_configuration(settings: Settings, role: str) -> Path:
    """Write the configuration where only this user can read it, and return its path."""
    path = configuration_path(settings.run_folder)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(configuration(settings, role))
    return path


def command_line(settings: Settings, role: str, config: Path) -> list[str]:
    """The command that runs Odoo in ``role``."""
    program = [sys.executable, str(settings.odoo_home / "odoo-bin")]
    # Odoo takes its evented mode from the first argument only.
    mode = ["gevent"] if role == "websocket" else []
    return [*program, *mode, "--config", str(config)]


def migrate(settings: Settings) -> None:
    """Install or update the addon, one replica at a time; nothing to do is a success.

    :raises LaunchError: the database is past the image, or the update did not settle
    """
    image = read_image(settings)
    with closing(connect(settings, SERVER_DATABASE)) as server:
        # Held by the session: it goes with this process, however that ends.
        server.cursor().execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        before = read_installed(settings)
        option = migration(image, before)
        if option is not None:
            config = write_configuration(settings, "migrate")
            command = command_line(settings, "migrate", config)
            command += [option, ADDON, "--without-demo=True", "--stop-after-init"]
            subprocess.run([*command, "--no-http"], check=True)  # nosec B603
            after = compare(image, read_installed(settings))
            if after != "current":
                raise LaunchError(
                    f"after the update the database is {after}, not current: "
                    "the log above says which module failed"
                )
        record(settings, image, before)
    print(
        f"database {settings.db_name} is at {dotted(image.version)}, {image.revision}"
    )


def _read_patiently(settings: Settings, patient: bool) -> Installed | None:
    """What the database says; None where it is away and there is time to wait."""
    try:
        return read_installed(settings)
    except DatabaseAway:
        if patient:
            return None
        raise


def schema(
    settings: Settings,
    wait_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Print the database's state as JSON; with ``wait_s``, wait until pods may start.

    That is when the migration of their own revision has ended. A newer database serves
    too: an old pod that is rescheduled while a deployment runs must come back.
    """
    image = read_image(settings)
    deadline = clock() + wait_s
    while True:
        found = report(image, _read_patiently(settings, clock() < deadline))
        serves = found["state"] in ("current", "ahead")
        if not wait_s or serves or clock() >= deadline:
            break
        sleep(POLL_S)
    print(json.dumps(found), flush=True)
    return 1 if wait_s and not serves else 0


def port_of_role(environment: Mapping[str, str]) -> int:
    """The port that the server of this container was configured to listen at."""
    written = configparser.ConfigParser(interpolation=None)
    written.read(configuration_path(run_folder(environment)))
    return written.getint("options", "http_port", fallback=HTTP_PORT)


def healthy(port: int) -> int:
    """0 when the server on this container's ``port`` answers."""
    url = f"http://127.0.0.1:{port}/web/health"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # nosec B310
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


def without_absent_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without pointers to secrets that exist during rotations only."""
    return {
        name: value
        for name, value in environment.items()
        if not name.endswith("_PREVIOUS_FILE") or Path(value).is_file()
    }


def serve(settings: Settings, role: str) -> NoReturn:
    """Become Odoo: signals of the container then reach it directly."""
    command = command_line(settings, role, write_configuration(settings, role))
    os.execve(command[0], command, without_absent_files(os.environ))  # nosec B606


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tms-odoo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for role in ("web", "websocket", "cron", "migrate"):
        commands.add_parser(role)
    commands.add_parser("schema").add_argument("--wait-s", type=float, default=0.0)
    commands.add_parser("healthy").add_argument("--port", type=int)
    return parser


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command; errors are one line on stderr."""
    options = _parser().parse_args(arguments)
    if options.command == "healthy":
        return healthy(options.port or port_of_role(environment))
    try:
        settings = Settings.read(environment)
        if options.command == "schema":
            return schema(settings, options.wait_s)
        if options.command == "migrate":
            migrate(settings)
            return 0
        serve(settings, options.command)
    except LaunchError as error:
        sys.stderr.write(f"tms-odoo: {error}\n")
        return DATABASE_AHEAD if isinstance(error, DatabaseAhead) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
