"""The addon's third-party front-end files, from npm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from devtools.commands import run
from devtools.digests import digest_files
from devtools.environment import clean_environment
from devtools.layout import Layout


def ensure_assets(layout: Layout, report: Callable[[str], None]) -> bool:
    """Install the files into ``static/lib`` unless they are there.

    :returns: whether they had to be installed.
    :raises DevtoolsError: when npm fails.
    """
    addon = layout.addon
    inputs = [addon / "package.json", addon / "package-lock.json"]
    inputs += sorted((addon / "scripts").glob("*.mjs"))
    digest, stamp = digest_files(inputs), addon / "static" / "lib" / ".complete"
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    stamp.unlink(missing_ok=True)
    log = layout.logs / "setup-assets.log"
    log.unlink(missing_ok=True)
    report("installing packages")
    install_packages(addon, log)
    report("building static/lib")
    _npm(["run", "assets"], addon, log)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    return True


def install_packages(folder: Path, log: Path) -> None:
    """Install what the lock file in a folder pins, and run none of its scripts.

    :raises DevtoolsError: when npm fails; a registry that is away is told soon.
    """
    patience = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
    _npm(["ci", *quiet, *patience], folder, log)


def _npm(words: list[str], cwd: Path, log: Path) -> None:
    run(["npm", *words], log=log, what="npm", cwd=cwd, env=clean_environment())
