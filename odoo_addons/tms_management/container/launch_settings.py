"""What a container of Odoo is told by its environment and its mounted secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class LaunchError(Exception):
    """A setting or the database keeps Odoo from starting; the text says what to do."""


class DatabaseAway(LaunchError):
    """The database cannot be reached now; waiting may help."""


class DatabaseAhead(LaunchError):
    """The database is past this image, and Odoo cannot go back."""


def run_folder(environment: Mapping[str, str]) -> Path:
    """Folder for what a container writes when it starts."""
    return Path(environment.get("ODOO_RUN_DIR", "/run/odoo"))


@dataclass(frozen=True)
class Settings:
    """What a container is told by its environment.

    ``revision`` names the commit the image was built from. ``report_url`` is where the
    program that prints reports gets their style sheets; empty, it asks the server that
    prints.
    """

    odoo_home: Path
    addons: Path
    run_folder: Path
    data_folder: Path
    db_host: str
    db_port: int
    db_name: str
    db_user: str
    db_password: str
    db_sslmode: str
    admin_password: str
    revision: str
    report_url: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        :raises LaunchError: one is missing, or a secret's file cannot be read
        """
        return cls(
            odoo_home=Path(environment.get("ODOO_HOME", "/opt/odoo")),
            addons=Path(environment.get("TMS_ADDONS", "/opt/tms/addons")),
            run_folder=run_folder(environment),
            data_folder=Path(environment.get("ODOO_DATA_DIR", "/var/lib/odoo")),
            db_host=_required(environment, "ODOO_DB_HOST"),
            db_port=int(environment.get("ODOO_DB_PORT", "5432")),
            db_name=_required(environment, "ODOO_DB_NAME"),
            db_user=_required(environment, "ODOO_DB_USER"),
            db_password=_secret(environment, "ODOO_DB_PASSWORD_FILE"),
            # libpq's own variable, which all but Odoo ask; its default as well.
            db_sslmode=environment.get("PGSSLMODE", "prefer"),
            admin_password=_secret(environment, "ODOO_ADMIN_PASSWORD_FILE"),
            revision=_required(environment, "TMS_REVISION"),
            report_url=environment.get("ODOO_REPORT_URL", ""),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise LaunchError(f"{name} is not set; set it in the workload's configuration")
    return value


def _secret(environment: Mapping[str, str], name: str) -> str:
    path = _required(environment, name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LaunchError(
            f"{name}: {path} cannot be read ({error.strerror}); mount the secret there"
        ) from error
