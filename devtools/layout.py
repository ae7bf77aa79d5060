"""Where things are in a checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VENV_NAMES = ("odoo", "gps", "integration", "delivery")


@dataclass(frozen=True)
class Layout:
    """Folders of one checkout; everything made at run time is in two of them.

    :param root: the repository root.
    :param cache: downloads, virtualenvs, database templates: can be made again.
    :param run: instances with their data, secrets and logs.
    """

    root: Path
    cache: Path
    run: Path

    @classmethod
    def discover(cls) -> Layout:
        """Layout of the checkout that this package is in.

        ``TMS_CACHE_DIR`` moves the cache, for example to share it between clones.
        """
        root = Path(__file__).resolve().parent.parent
        cache = os.environ.get("TMS_CACHE_DIR")
        return cls(
            root=root,
            cache=Path(cache).resolve() if cache else root / ".cache",
            run=root / ".run",
        )

    @property
    def addon(self) -> Path:
        """Source Path of the Odoo addon."""
        return self.root / "odoo_addons" / "tms_management"

    @property
    def service(self) -> Path:
        """Source Path of the GPS service."""
        return self.root / "gps_ingestion_service"

    @property
    def logs(self) -> Path:
        """Logs of the steps that set the checkout up."""
        return self.cache / "logs"

    @property
    def templates(self) -> Path:
        """Database templates, one folder per key."""
        return self.cache / "templates"

    def venv(self, name: str) -> Path:
        """Folder of a virtualenv; ``TMS_VENV_<NAME>`` points to a ready-made one."""
        override = os.environ.get(f"TMS_VENV_{name.upper()}")
        return Path(override) if override else self.cache / "venvs" / name

    def python(self, venv: str) -> Path:
        """Interpreter of a virtualenv."""
        return self.venv(venv) / "bin" / "python"
