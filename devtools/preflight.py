"""What the machine must have: named when missing, installed where root may do so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devtools.browser import find_chromium
from devtools.commands import run
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout

GIGABYTE = 1024**3
# A checkout with all virtualenvs, Odoo and a template takes about 3 GB.
FRESH_NEED_GB, WARM_NEED_GB = 4.0, 0.5
NODE_MINIMUM = 18


@dataclass(frozen=True)
class Need:
    """Something that has to be on the machine.

    :param what: its name, for people.
    :param packages: Debian packages that bring it.
    :param present: whether it is there.
    :param tests_only: needed by tests, not by a running system.
    """

    what: str
    packages: tuple[str, ...]
    present: Callable[[], bool]
    tests_only: bool = False


def _program(name: str, package: str, tests_only: bool = False) -> Need:
    return Need(name, (package,), lambda: shutil.which(name) is not None, tests_only)


def _has_ensurepip() -> bool:
    command = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _has_node() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    done = subprocess.run([node, "--version"], capture_output=True, text=True)
    found = re.match(r"v(\d+)", done.stdout)
    return found is not None and int(found[1]) >= NODE_MINIMUM


NEEDS = (
    Need("Python's venv module", ("python3-venv",), _has_ensurepip),
    _program("apt-get", "apt"),
    _program("dpkg-deb", "dpkg"),
    _program("tar", "tar"),
    _program("unshare", "util-linux"),
    Need(f"node {NODE_MINIMUM} or newer", ("nodejs",), _has_node),
    _program("npm", "npm"),
    _program("git", "git", tests_only=True),
    Need("chromium", ("chromium",), lambda: bool(find_chromium()), tests_only=True),
)


def check_machine(
    layout: Layout, with_tests: bool, report: Callable[[str], None]
) -> bool:
    """Check the machine; as root, install with apt-get what is missing.

    :param with_tests: check what only the tests need as well.
    :returns: whether something was installed.
    :raises DevtoolsError: names what is missing and the command that installs it.
    """
    if not sys.platform.startswith("linux"):
        raise DevtoolsError("this needs Linux", "use Debian 12, or a container of it")
    check_disk(layout)
    missing = missing_needs(with_tests)
    if not missing:
        return False
    packages = [package for need in missing for package in need.packages]
    names = ", ".join(need.what for need in missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise DevtoolsError(
            f"missing on this machine: {names}",
            f"run: sudo apt-get install {' '.join(packages)}",
        )
    report(f"installing {' '.join(packages)}")
    _install(packages, layout.logs / "setup-apt.log")
    still = ", ".join(need.what for need in missing_needs(with_tests))
    if still:
        raise DevtoolsError(f"still missing after apt-get install: {still}")
    return True


def missing_needs(with_tests: bool) -> list[Need]:
    """What is not on the machine."""
    return [
        need
        for need in NEEDS
        if (with_tests or not need.tests_only) and not need.present()
    ]


def check_disk(layout: Layout) -> None:
    """Refuse to begin what would fill the disk.

    :raises DevtoolsError: when there is too little space.
    """
    warm = (layout.cache / "venvs").is_dir()
    need = WARM_NEED_GB if warm else FRESH_NEED_GB
    folder = layout.cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free < need:
        raise DevtoolsError(
            f"{folder} has {free:.1f} GB free, {need:g} GB are needed",
            "free some space, or put the cache elsewhere with TMS_CACHE_DIR",
        )


def _install(packages: list[str], log: Path) -> None:
    environment = clean_environment({"DEBIAN_FRONTEND": "noninteractive"})
    retries = ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"]
    install = ["install", "-y", "--no-install-recommends", *packages]
    for words in (["update"], install):
        command = ["apt-get", "-q", *retries, *words]
        run(command, log=log, what="apt-get", cwd=Path("/"), env=environment)
