"""Which version of the addon an image carries and a database has."""

from __future__ import annotations

import ast
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from launch_settings import DatabaseAhead, DatabaseAway, LaunchError, Settings
from passlib.context import CryptContext

ADDON = "tms_management"
REVISION_PARAMETER = f"{ADDON}.image_revision"
REPORT_URL_PARAMETER = "report.url"
SERVER_DATABASE = "postgres"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Installed:
    """What a database says about the addon; ``version`` is None where it is not in."""

    version: Version | None
    settled: bool = True
    revision: str | None = None


def parse_version(text: str) -> Version:
    """``"18.0.1.2.0"`` as a tuple that compares.

    :raises LaunchError: the text is no dotted number
    """
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise LaunchError(f"{text!r} is not a version such as 18.0.1.0.0") from None


def image_version(settings: Settings) -> Version:
    """The addon's version in this image, with Odoo's series in front."""
    manifest = ast.literal_eval(
        (settings.addons / ADDON / "__manifest__.py").read_text(encoding="utf-8")
    )
    return parse_version(f"{_series(settings)}.{manifest['version']}")


def _series(settings: Settings) -> str:
    """Odoo's series, such as 18.0, read without importing Odoo."""
    source = (settings.odoo_home / "odoo" / "release.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id="version_info")],
                value=ast.Tuple(elts=[ast.Constant(major), ast.Constant(minor), *_]),
            ):
                return f"{major}.{minor}"
    raise LaunchError(f"{settings.odoo_home} holds no Odoo: build the image again")


def compare(image: Version, installed: Installed) -> str:
    """``missing``, ``behind``, ``current`` or ``ahead``, of the database.

    An update that was cut off leaves it behind: the next migration does it again.
    """
    if installed.version is None:
        return "missing"
    if installed.version > image:
        return "ahead"
    done = installed.settled and installed.version == image
    return "current" if done else "behind"


def serving_state(image: Version, installed: Installed) -> str:
    """What ``compare`` answers, but ``behind`` until a migration wrote down its end.

    A new database has the schema a moment before it has the administrator's password.
    """
    state = compare(image, installed)
    unfinished = state == "current" and installed.revision is None
    return "behind" if unfinished else state


def migration(image: Version, installed: Installed, revision: str) -> str | None:
    """The option that brings the database to the image: ``-i``, ``-u`` or None.

    :raises DatabaseAhead: the database is past the image, and Odoo cannot go back
    """
    state = compare(image, installed)
    if state == "ahead":
        raise DatabaseAhead(
            f"the database has version {dotted(installed.version)} of the addon, this "
            f"image carries {dotted(image)}: deploy an image at least as new"
        )
    if state == "missing":
        return "-i"
    if state == "current" and installed.revision == revision:
        return None
    return "-u"


def dotted(version: Version | None) -> str | None:
    return None if version is None else ".".join(str(part) for part in version)


def connect(settings: Settings, database: str) -> Any:
    """A connection that commits each statement.

    :raises DatabaseAway: the server does not answer, or refuses the login
    """
    try:
        connection = psycopg2.connect(
            host=settings.db_host,
            port=settings.db_port,
            user=settings.db_user,
            password=settings.db_password,
            dbname=database,
            connect_timeout=10,
        )
    except psycopg2.OperationalError as error:
        raise DatabaseAway(
            f"{settings.db_host}:{settings.db_port} is not reachable: {error}".strip()
        ) from error
    connection.autocommit = True
    return connection


def read_installed(settings: Settings) -> Installed:
    """Ask the database for the addon's version, also where there is no database yet."""
    with closing(connect(settings, SERVER_DATABASE)) as server:
        cursor = server.cursor()
        cursor.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [settings.db_name]
        )
        if cursor.fetchone() is None:
            return Installed(version=None)
    with closing(connect(settings, settings.db_name)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT to_regclass('ir_module_module') IS NOT NULL"
            " AND to_regclass('ir_config_parameter') IS NOT NULL"
        )
        if not cursor.fetchone()[0]:
            return Installed(version=None)
        cursor.execute(
            "SELECT state, latest_version FROM ir_module_module WHERE name = %s",
            [ADDON],
        )
        row = cursor.fetchone()
        if row is None or row[1] is None or row[0] == "uninstalled":
            return Installed(version=None)
        cursor.execute(
            "SELECT value FROM ir_config_parameter WHERE key = %s",
            [REVISION_PARAMETER],
        )
        recorded = cursor.fetchone()
        return Installed(
            version=parse_version(row[1]),
            settled=row[0] == "installed",
            revision=recorded[0] if recorded else None,
        )


def record(settings: Settings, new_database: bool) -> None:
    """Write down which image the database follows, and close the door of a new one.

    A new database answers to admin/admin until the mounted password is set.
    """
    with closing(connect(settings, settings.db_name)) as connection:
        cursor = connection.cursor()
        if new_database:
            hashed = CryptContext(schemes=["pbkdf2_sha512"]).hash(
                settings.admin_password
            )
            cursor.execute(
                "UPDATE res_users SET password = %s WHERE login = 'admin'", [hashed]
            )
        parameters = {REVISION_PARAMETER: settings.revision}
        if settings.report_url:
            parameters[REPORT_URL_PARAMETER] = settings.report_url
        cursor.executemany(
            "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            list(parameters.items()),
        )
