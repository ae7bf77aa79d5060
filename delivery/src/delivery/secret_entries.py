"""The entries of Secrets Manager that an environment has, and fresh values for them.

One description for every place that fills them: the local platform's emulated Secrets
Manager, and AWS's own when an environment is made.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from delivery.errors import DeliveryError

_GPS_HMAC = "gps_odoo_hmac_secret"
ENVIRONMENTS = ("staging", "production")


def secret_name(environment: str, component: str) -> str:
    """Return the name of an entry in Secrets Manager."""
    return f"tms/{environment}/{component}"


class ContradictionError(DeliveryError):
    """Entries that share a value hold two."""


def new_secrets(
    environment: str, known: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, dict[str, str]]:
    """Return fresh values for one environment, by component.

    Keys are the file names that the workloads read below their secrets folder.
    The two components share the key of the signed calls and the provision token: under
    its old name at Odoo, where an environment may still have the admin token. Each
    shares its database's password with the entry that the database is made from.

    :param known: entries that have values already: what they share with others is
        taken from them, so that fresh values of the others fit.
    :raises ContradictionError: known entries do not fit one another.
    """
    shared = _shared(environment, known or {})
    gps_password = shared.get("gps_password") or secrets.token_urlsafe(24)
    hmac_secret = shared.get("hmac_secret") or secrets.token_urlsafe(48)
    provision = shared.get("provision_token") or secrets.token_urlsafe(32)
    odoo = {
        "db_host": "odoo-db",
        "db_port": "5432",
        "db_name": "odoo",
        "db_user": "odoo",
        "db_password": shared.get("odoo_password") or secrets.token_urlsafe(24),
        "admin_password": secrets.token_urlsafe(24),
        "tms_gps_hmac_secret": hmac_secret,
        "tms_gps_admin_token": provision,
    }
    gps = {
        "gps_database_url": f"postgresql://gps:{gps_password}@gps-db:5432/gps",
        _GPS_HMAC: hmac_secret,
        "gps_admin_token": secrets.token_urlsafe(32),
        "gps_provision_token": provision,
        "gps_ingest_token": secrets.token_urlsafe(32),
        "gps_signing_key": secrets.token_urlsafe(48),
    }
    database = {"odoo": odoo["db_password"], "gps": gps_password}
    named = {"odoo": odoo, "gps": gps, "database": database}
    return {secret_name(environment, name): entry for name, entry in named.items()}


def _shared(environment: str, known: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Values that more than one entry holds, from the entries that are known."""
    odoo = known.get(secret_name(environment, "odoo"), {})
    gps = known.get(secret_name(environment, "gps"), {})
    database = known.get(secret_name(environment, "database"), {})
    in_url = urlsplit(gps.get("gps_database_url", "")).password
    places = {
        "hmac_secret": (odoo.get("tms_gps_hmac_secret"), gps.get(_GPS_HMAC)),
        "provision_token": (
            odoo.get("tms_gps_admin_token"),
            gps.get("gps_provision_token") or gps.get("gps_admin_token"),
        ),
        "odoo_password": (odoo.get("db_password"), database.get("odoo")),
        "gps_password": (in_url, database.get("gps")),
    }
    shared: dict[str, str] = {}
    for name, values in places.items():
        found = {value for value in values if value}
        if len(found) > 1:
            raise ContradictionError(
                f"the entries of {environment} hold two values for the {name}: end the "
                "rotation that is under way (docs/runbooks/secret-rotation.md) first"
            )
        shared |= {name: value for value in found}
    return shared
