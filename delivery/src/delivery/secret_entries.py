"""The entries of Secrets Manager that an environment has, and fresh values for them.

One description for every place that fills them: the local platform's emulated Secrets
Manager, and AWS's own when an environment is made.
"""

from __future__ import annotations

import secrets

ENVIRONMENTS = ("staging", "production")


def secret_name(environment: str, component: str) -> str:
    """Return the name of an entry in Secrets Manager."""
    return f"tms/{environment}/{component}"


def new_secrets(environment: str) -> dict[str, dict[str, str]]:
    """Return fresh values for one environment, by component.

    Keys are the file names that the workloads read below their secrets folder.
    The two components share the key of the signed calls and the provision token: under
    its old name at Odoo, where an environment may still have the admin token.
    """
    hmac_secret, provision = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
    gps_password = secrets.token_urlsafe(24)
    odoo = {
        "db_host": "odoo-db",
        "db_port": "5432",
        "db_name": "odoo",
        "db_user": "odoo",
        "db_password": secrets.token_urlsafe(24),
        "admin_password": secrets.token_urlsafe(24),
        "tms_gps_hmac_secret": hmac_secret,
        "tms_gps_admin_token": provision,
    }
    gps = {
        "gps_database_url": f"postgresql://gps:{gps_password}@gps-db:5432/gps",
        "gps_odoo_hmac_secret": hmac_secret,
        "gps_admin_token": secrets.token_urlsafe(32),
        "gps_provision_token": provision,
        "gps_ingest_token": secrets.token_urlsafe(32),
        "gps_signing_key": secrets.token_urlsafe(48),
    }
    database = {"odoo": odoo["db_password"], "gps": gps_password}
    named = {"odoo": odoo, "gps": gps, "database": database}
    return {secret_name(environment, name): entry for name, entry in named.items()}
