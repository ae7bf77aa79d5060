"""What ran where: versions of what the checks were run with."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from devtools.browser import find_chromium
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import locate_odoo
from devtools.postgres import find_binaries

_UNKNOWN = "not there"


def versions(layout: Layout) -> Iterator[str]:
    """One line for each part that a result depends on."""
    yield f"  machine     {_operating_system()}, {platform.machine()}"
    yield f"  Python      {platform.python_version()}"
    yield f"  Odoo        {_odoo(layout)}"
    yield f"  PostgreSQL  {_postgres(layout)}"
    yield f"  Chromium    {_first_line([find_chromium() or '', '--version'])}"
    yield f"  Node        {_first_line(['node', '--version'])}"
    yield f"  commit      {_commit(layout)}"


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _odoo(layout: Layout) -> str:
    try:
        tree = locate_odoo(layout)
    except DevtoolsError:
        return _UNKNOWN
    return f"{tree.series} ({tree.origin})"


def _postgres(layout: Layout) -> str:
    try:
        binaries = find_binaries(layout.venv("gps"))
    except DevtoolsError:
        return _UNKNOWN
    return _first_line([str(binaries / "postgres"), "--version"])


def _commit(layout: Layout) -> str:
    git = ["git", "-C", str(layout.root)]
    head = _first_line([*git, "rev-parse", "--short=12", "HEAD"])
    changed = _first_line([*git, "status", "--porcelain", "--untracked-files=no"])
    return head if changed == _UNKNOWN else f"{head} and uncommitted changes"


def _first_line(command: Sequence[str]) -> str:
    """First line of a program's output."""
    if shutil.which(command[0]) is None:
        return _UNKNOWN
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return (done.stdout.strip().splitlines() or [_UNKNOWN])[0]
