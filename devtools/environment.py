"""Environments of child processes, free of what the caller's shell happens to hold."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

# Each of these changes how a child behaves: where Python looks for code, whether it
# keeps bytecode (without it every start of Odoo is slow), which database, which fleet.
_DROPPED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "VIRTUAL_ENV",
    "ODOO_RC",
    "OPENERP_SERVER",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)
_DROPPED_PREFIXES = ("PG", "GPS_", "TMS_", "LC_", "COV_CORE_")
# Where this toolbox keeps things: a child that is part of it must look there too.
_KEPT_PREFIXES = ("TMS_CACHE_DIR", "TMS_VENV_")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what would leak into a child, plus ``extra``.

    The locale is always C.UTF-8, and HOME always a folder that exists: some tools fail
    where it is unset or missing.
    """
    environment = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(_KEPT_PREFIXES)
        or (key not in _DROPPED and not key.startswith(_DROPPED_PREFIXES))
    }
    environment.update(LANG="C.UTF-8", LC_ALL="C.UTF-8", PYTHONUNBUFFERED="1")
    home = environment.get("HOME")
    if not home or not os.access(home, os.W_OK | os.X_OK):
        environment["HOME"] = str(_spare_home())
    environment.update(extra or {})
    return environment


def _spare_home() -> Path:
    """A writable HOME for a user that has none."""
    home = Path(tempfile.gettempdir()) / f"tms-home-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        home = Path(tempfile.mkdtemp(prefix="tms-home-"))
    return home
