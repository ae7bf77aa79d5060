"""An Odoo source tree: what it is, where its addons are, how it is run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from devtools.environment import clean_environment
from devtools.errors import DevtoolsError

SUPPORTED_SERIES = ("18.0", "19.0")


@dataclass(frozen=True)
class OdooTree:
    """A validated Odoo.

    :param root: folder that goes on PYTHONPATH, holding the package ``odoo``.
    :param series: such as ``18.0``.
    :param origin: where it came from, for people.
    :param fingerprint: changes when the tree is another one.
    """

    root: Path
    series: str
    origin: str
    fingerprint: str

    @property
    def addons_folders(self) -> tuple[Path, ...]:
        """Folders of Odoo's own addons."""
        candidates = (self.root / "addons", self.root / "odoo" / "addons")
        return tuple(folder for folder in candidates if folder.is_dir())

    @property
    def environment(self) -> dict[str, str]:
        """Environment for a process that imports this Odoo."""
        return clean_environment({"PYTHONPATH": str(self.root)})

    @property
    def demo_options(self) -> tuple[str, ...]:
        """Options that make an installation load demo data."""
        # 18.0 loads it unless told not to; from 19.0 on it has to be asked for.
        return () if self.series == "18.0" else ("--with-demo",)


def inspect_tree(path: Path, origin: str, identity: str = "") -> OdooTree:
    """Recognise a checkout of Odoo or a folder that an Odoo package is installed in.

    :param identity: of what it was unpacked from; by default the path and the commit.
    :raises DevtoolsError: when it is neither, or of a series that is not supported.
    """
    root = path.resolve()
    release = root / "odoo" / "release.py"
    try:
        text = release.read_text()
    except OSError as error:
        raise DevtoolsError(
            f"{path} holds no Odoo (no odoo/release.py in it)",
            "set ODOO_HOME to a checkout, or to the folder that holds the package odoo",
        ) from error
    found = re.search(r"^version_info = \((\d+), (\d+), (\d+)", text, re.MULTILINE)
    if found is None:
        raise DevtoolsError(f"{release} names no version")
    series = f"{found[1]}.{found[2]}"
    if series not in SUPPORTED_SERIES:
        raise DevtoolsError(
            f"{path} is Odoo {series}", f"give one of {', '.join(SUPPORTED_SERIES)}"
        )
    identity = identity or f"{root}\n{_revision(root)}"
    digest = hashlib.sha256(f"{identity}\n{text}".encode()).hexdigest()
    tree = OdooTree(root, series, origin, digest)
    if not any((folder / "fleet").is_dir() for folder in tree.addons_folders):
        raise DevtoolsError(f"{path} lacks Odoo's addons", "no folder addons/fleet")
    return tree


def _revision(root: Path) -> str:
    """The commit that a checkout is at, as far as its files tell."""
    head = root / ".git" / "HEAD"
    if not head.is_file():
        return ""
    text = head.read_text().strip()
    reference = root / ".git" / text.removeprefix("ref: ")
    return reference.read_text().strip() if reference.is_file() else text
