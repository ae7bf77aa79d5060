"""Settings of the link to the GPS service, read from the environment.

Nothing of it is stored in the database: a copy of the database must not be able to
speak for the original. Files are read on every use, so that a rotated secret that is
mounted as a file takes effect without a restart.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path


class GpsSettingsError(Exception):
    """A setting is present but cannot be used; the text says what to do."""


@dataclass(frozen=True)
class GpsSettings:
    """The link to the GPS service; an empty value means "not configured".

    ``hmac_secrets`` holds the current key first, then the one being rotated out.
    The keys and the token are left out of ``repr`` so that no log can show them.
    """

    url: str = ""
    hmac_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    admin_token: str = field(default="", repr=False)

    @property
    def can_publish(self) -> bool:
        """Whether trackers can be published to the GPS service."""
        return bool(self.url and self.admin_token)


def _read(name: str) -> str:
    """Return the setting ``name`` from its variable or from the file it points to."""
    if value := os.environ.get(name, "").strip():
        return value
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise GpsSettingsError(
            f"The file named by {name}_FILE cannot be read ({reason}). "
            "Mount it readable for Odoo, or unset the variable."
        ) from error


def read_gps_settings() -> GpsSettings:
    """Read the link to the GPS service from the environment.

    :raises GpsSettingsError: a file is named that cannot be read
    """
    secrets = (
        _read("TMS_GPS_HMAC_SECRET"),
        _read("TMS_GPS_HMAC_SECRET_PREVIOUS"),
    )
    return GpsSettings(
        url=_read("TMS_GPS_URL").rstrip("/"),
        hmac_secrets=tuple(secret.encode() for secret in secrets if secret),
        admin_token=_read("TMS_GPS_ADMIN_TOKEN"),
    )
