"""Prometheus' promtool, out of the distribution's package, without installing that.

The package would start a server that listens everywhere; only its one program is taken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devtools.commands import run
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive

VARIABLE = "PROMTOOL"
PACKAGE = "prometheus"
PROGRAM = "./usr/bin/promtool"


def ensure_promtool(layout: Layout) -> Path:
    """The promtool that ``$PROMTOOL`` names, that is on ``PATH``, or a downloaded one.

    :raises DevtoolsError: there is none, and none can be had.
    """
    found = os.environ.get(VARIABLE) or shutil.which("promtool")
    if found:
        return Path(found)
    folder = layout.cache / "promtool"
    program = folder / "promtool"
    with exclusive(layout.cache / "promtool.lock", "gets promtool"):
        if not program.is_file():
            if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
                raise DevtoolsError("no promtool", f"install it, or set {VARIABLE}")
            _unpack(_download(layout, folder), program)
    return program


def _download(layout: Layout, folder: Path) -> Path:
    """The package, by signed metadata that is read into a folder of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True)
    settings = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # The folder may be one that only this user may enter.
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    options = [word for kv in settings.items() for word in ("-o", f"{kv[0]}={kv[1]}")]
    _apt(layout, folder, [*options, "update"])
    _apt(layout, folder, [*options, "download", PACKAGE])
    shutil.rmtree(folder / "lists")
    found = sorted(folder.glob("*.deb"))
    if not found:
        raise DevtoolsError(f"apt-get downloaded no {PACKAGE}")
    return found[-1]


def _apt(layout: Layout, folder: Path, words: Sequence[str]) -> None:
    run(
        ["apt-get", "-qq", *words],
        log=layout.logs / "promtool.log",
        what="apt-get",
        cwd=folder,
        env=clean_environment({"DEBIAN_FRONTEND": "noninteractive"}),
        timeout_s=600,
    )


def _unpack(package: Path, program: Path) -> None:
    """Take the program out of the package; it is there once it is complete."""
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
    ) as archive:
        done = subprocess.run(
            ["tar", "-x", "-C", str(package.parent), PROGRAM],
            stdin=archive.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0 or archive.returncode != 0:
        lines = tuple(done.stderr.strip().splitlines()[-3:])
        raise DevtoolsError("promtool could not be unpacked", "disk full?", lines)
    package.unlink()
    (package.parent / PROGRAM).rename(program)
