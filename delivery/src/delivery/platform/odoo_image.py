"""An image that holds nothing but Odoo, for a build that reaches no public host.

The folder `/odoo` of the image is a folder that Odoo was unpacked into, by
`python3 -m devtools odoo-home` for example. The addon's Dockerfile copies it with
`ODOO_ORIGIN=image`.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from delivery.platform.commands import run
from delivery.platform.engine import Engine
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Network
from delivery.platform.registry import Registry

REPOSITORY = "platform/odoo"
#: What Odoo is in a folder: `addons` is there in a source tree only.
PARTS = ("odoo", "addons")
_VERSION = re.compile(r"^version_info = \((\d+), (\d+)", re.MULTILINE)


def series_of(home: Path) -> str:
    """Return the series of the Odoo in a folder, such as `19.0`.

    Raises PlatformError when the folder holds none.
    """
    try:
        text = (home / "odoo/release.py").read_text(encoding="utf-8")
    except OSError as error:
        raise PlatformError(
            f"{home} holds no Odoo: name the folder that holds the package odoo, such"
            " as `python3 -m devtools odoo-home` prints"
        ) from error
    found = _VERSION.search(text)
    if found is None:
        raise PlatformError(f"{home}/odoo/release.py names no version")
    return f"{found[1]}.{found[2]}"


def pack_command(home: Path, archive: Path) -> list[str]:
    """Return the tar command that makes the same archive of the same files always."""
    parts = [part for part in PARTS if (home / part).is_dir()]
    return [
        *("tar", "--create", f"--file={archive}", f"--directory={home}"),
        *("--sort=name", "--format=gnu", "--mtime=@0"),
        *("--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"),
        *("--exclude=__pycache__", "--exclude=.git", "--transform=s,^,odoo/,rSh"),
        *parts,
    ]


class OdooImage:
    """Makes the image once per content, and puts it into the registry."""

    def __init__(self, network: Network, engine: Engine, registry: Registry) -> None:
        """Nothing is made yet."""
        self.network = network
        self.engine = engine
        self.registry = registry

    def provide(self, home: Path) -> str:
        """Make sure the registry holds an image of `home`; return its whole name.

        The tag is the series and a hash of the content. Raises PlatformError when
        `home` holds no Odoo.
        """
        series = series_of(home)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "odoo.tar"
            run(pack_command(home, archive), purpose=f"packing the Odoo in {home}")
            with archive.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            tag = f"{series}-{digest[:12]}"
            name = f"{self.network.registry}/{REPOSITORY}:{tag}"
            if not self.registry.holds(REPOSITORY, tag):
                self.engine.import_archive(archive, name, [f"LABEL odoo={series}"])
                self.engine.push(name)
        return name
