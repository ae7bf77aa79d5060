"""Which version of the addon an image carries and a database has."""

from __future__ import annotations

import ast
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from addon_fields import Fields, lacking, named, stored_fields
from launch_settings import DatabaseAhead, DatabaseAway, LaunchError, Settings
from passlib.context import CryptContext

ADDON = "tms_management"
REVISION_PARAMETER = f"{ADDON}.image_revision"
SCHEMA_PARAMETER = f"{ADDON}.image_schema"
REVISIONS_KEPT = 20
REPORT_URL_PARAMETER = "report.url"
SERVER_DATABASE = "postgres"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Image:
    """The addon as an image carries it; two of one version may differ in ``fields``."""

    version: Version
    revision: str
    fields: Fields


@dataclass(frozen=True)
class Installed:
    """What a database says about the addon; ``version`` is None where it is not in.

    ``revision`` is the last whose migration ended. ``revisions`` are those whose
    migration ended at this very version, the last first, and ``fields`` what the last
    of them stored: None where no migration has recorded any.
    """

    version: Version | None
    settled: bool = True
    revision: str | None = None
    revisions: tuple[str, ...] = ()
    fields: Fields | None = None


def parse_version(text: str) -> Version:
    """``"18.0.1.2.0"`` as a tuple that compares.

    :raises LaunchError: the text is no dotted number
    """
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise LaunchError(f"{text!r} is not a version such as 18.0.1.0.0") from None


def read_image(settings: Settings) -> Image:
    """The addon in this image; its version has Odoo's series in front."""
    addon = settings.addons / ADDON
    manifest = ast.literal_eval((addon / "__manifest__.py").read_text(encoding="utf-8"))
    return Image(
        parse_version(f"{_series(settings)}.{manifest['version']}"),
        settings.revision,
        stored_fields(addon),
    )


def _series(settings: Settings) -> str:
    """Odoo's series, such as 18.0, read without importing Odoo."""
    source = (settings.odoo_home / "odoo" / "release.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id="version_info")],
                value=ast.Tuple(
                    elts=[ast.Constant(int(major)), ast.Constant(int(minor)), *_]
                ),
            ):
                return f"{major}.{minor}"
    raise LaunchError(f"{settings.odoo_home} holds no Odoo: build the image again")


def lost_fields(image: Image, installed: Installed) -> list[str]:
    """Stored fields that an update from this image would take out of the database.

    None where the version differs: a release that removes a field on purpose raises
    it, and then the versions alone tell which of the two is newer.
    """
    if installed.version != image.version or installed.fields is None:
        return []
    return lacking(image.fields, installed.fields)


def compare(image: Image, installed: Installed) -> str:
    """``missing``, ``behind``, ``current`` or ``ahead``, of the database.

    An update that was cut off leaves it behind: the next migration does it again.
    """
    if installed.version is None:
        return "missing"
    if installed.version > image.version or lost_fields(image, installed):
        return "ahead"
    done = installed.settled and installed.version == image.version
    return "current" if done else "behind"


def serving_state(image: Image, installed: Installed) -> str:
    """What ``compare`` answers, but ``behind`` until the image's migration has ended.

    Views and data follow the commit, and a new database has the schema a moment before
    it has the administrator's password. One that was there before may come back.
    """
    state = compare(image, installed)
    waits = state == "current" and image.revision not in installed.revisions
    return "behind" if waits else state


def migration(image: Image, installed: Installed) -> str | None:
    """The option that brings the database to the image: ``-i``, ``-u`` or None.

    :raises DatabaseAhead: the database is past the image, and Odoo cannot go back
    """
    state = compare(image, installed)
    lost = lost_fields(image, installed)
    if lost:
        raise DatabaseAhead(
            f"the database stores {named(lost)}, which this image lacks or has with "
            "another type, so that an update would drop the data: deploy an image at "
            "least as new; a release that removes or retypes a stored field on purpose "
            f"raises the version in __manifest__.py, here {dotted(image.version)}"
        )
    if state == "ahead":
        raise DatabaseAhead(
            f"the database has version {dotted(installed.version)} of the addon, this "
            f"image carries {dotted(image.version)}: deploy an image at least as new"
        )
    if state == "missing":
        return "-i"
    if state == "current" and installed.revision == image.revision:
        return None
    return "-u"


def report(image: Image, installed: Installed | None) -> dict[str, str | None]:
    """What ``schema`` prints: both versions, and the state of the database.

    None stands for a database that could not be asked.
    """
    if installed is None:
        return {"image": dotted(image.version), "database": None, "state": "unknown"}
    lost = lost_fields(image, installed)
    extra = f" with {named(lost)}" if lost else ""
    version = dotted(installed.version)
    return {
        "image": dotted(image.version),
        "database": f"{version}{extra}" if version else None,
        "state": serving_state(image, installed),
    }


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
            "SELECT key, value FROM ir_config_parameter WHERE key IN (%s, %s)",
            [REVISION_PARAMETER, SCHEMA_PARAMETER],
        )
        state, version = row
        return _installed(state, version, dict(cursor.fetchall()))


def _installed(state: str, version: str, recorded: dict[str, str]) -> Installed:
    """From the row of the module and what migrations have recorded."""
    schema = json.loads(recorded.get(SCHEMA_PARAMETER, "{}"))
    # What was recorded at another version says nothing of this one.
    valid = schema.get("version") == version
    return Installed(
        version=parse_version(version),
        settled=state == "installed",
        revision=recorded.get(REVISION_PARAMETER),
        revisions=tuple(schema["revisions"]) if valid else (),
        fields=schema["fields"] if valid else None,
    )


def _schema_record(image: Image, before: Installed) -> str:
    """What a migration from ``before`` leaves for the images to come, as JSON."""
    earlier = before.revisions if before.version == image.version else ()
    others = [revision for revision in earlier if revision != image.revision]
    document = {
        "version": dotted(image.version),
        "revisions": [image.revision, *others][:REVISIONS_KEPT],
        "fields": image.fields,
    }
    return json.dumps(document)


def record(settings: Settings, image: Image, before: Installed) -> None:
    """Write down which image the database follows, and close the door of a new one.

    A new database answers to admin/admin until the mounted password is set.
    """
    with closing(connect(settings, settings.db_name)) as connection:
        cursor = connection.cursor()
        if before.revision is None:
            hashed = CryptContext(schemes=["pbkdf2_sha512"]).hash(
                settings.admin_password
            )
            cursor.execute(
                "UPDATE res_users SET password = %s WHERE login = 'admin'", [hashed]
            )
        parameters = {
            REVISION_PARAMETER: image.revision,
            SCHEMA_PARAMETER: _schema_record(image, before),
        }
        if settings.report_url:
            parameters[REPORT_URL_PARAMETER] = settings.report_url
        cursor.executemany(
            "INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            list(parameters.items()),
        )
