"""The virtualenvs, each made from hash-pinned locks, complete or not there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from devtools.commands import run
from devtools.digests import digest_files, digest_texts
from devtools.environment import clean_environment
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.locks import exclusive

BUILD_TOOLS = Path(__file__).parent / "requirements" / "build.txt"
# Part of every digest: raise it when the way a virtualenv is made changes.
RECIPE = "2"
_PIP = ("install", "--quiet", "--no-input", "--no-compile", "--progress-bar=off")


@dataclass(frozen=True)
class VenvPlan:
    """What goes into one virtualenv.

    :param locks: hash-pinned requirement files.
    :param data_locks: further ones, whose packages only carry data and are installed
        without their dependencies.
    :param sdists: locked packages that have no wheel.
    :param editable: a project of this repository, installed in place.
    """

    name: str
    locks: tuple[Path, ...]
    data_locks: tuple[Path, ...] = ()
    sdists: tuple[str, ...] = ()
    editable: Path | None = None

    @property
    def digest(self) -> str:
        """Changes when the virtualenv has to be made again."""
        files = [*self.locks, *self.data_locks, BUILD_TOOLS]
        if self.editable is not None:
            files.append(self.editable / "pyproject.toml")
        parts = (RECIPE, sys.version, str(self.editable), digest_files(files))
        return digest_texts(*parts)[:12]


def plan(layout: Layout, name: str) -> VenvPlan:
    """The plan of the virtualenv with this name."""
    addon, service, delivery = layout.addon, layout.service, layout.root / "delivery"
    data = layout.root / "simulator" / "requirements-data.txt"
    plans = (
        VenvPlan("odoo", _locks(addon), sdists=("docopt",)),
        VenvPlan("gps", _locks(service), editable=service),
        VenvPlan(
            "integration",
            (layout.root / "requirements" / "integration.txt",),
            data_locks=(data,) if data.is_file() else (),
        ),
        VenvPlan("delivery", _locks(delivery)),
        VenvPlan("image", (layout.root / "requirements" / "image.txt",)),
        VenvPlan("workflows", (layout.root / "requirements" / "workflows.txt",)),
        VenvPlan(
            "infrastructure", (layout.root / "requirements" / "infrastructure.txt",)
        ),
    )
    return next(candidate for candidate in plans if candidate.name == name)


def _locks(folder: Path) -> tuple[Path, Path]:
    return folder / "requirements.txt", folder / "requirements-dev.txt"


def ensure_venv(layout: Layout, name: str, report: Callable[[str], None]) -> bool:
    """Make a virtualenv unless it is there and made from the same locks.

    :returns: whether it had to be made.
    :raises DevtoolsError: when the registry cannot be reached, say; an older one stays.
    """
    link = layout.venv(name)
    if link != layout.cache / "venvs" / name:
        return _check_override(name, link)
    wanted = plan(layout, name)
    folder = link.parent / ".store" / f"{name}-{wanted.digest}"
    made = not (folder / "complete").is_file()
    if made:
        _make(wanted, folder, layout.logs / f"setup-venv-{name}.log", report)
    _point(link, folder)
    return made


def ensure_shared_venv(
    layout: Layout, name: str, report: Callable[[str], None]
) -> Path:
    """A virtualenv of the same locks without the project itself, and its folder.

    Pipelines check out to a new path each time; without the project in it, one
    virtualenv serves them all. The project's folder then goes on ``PYTHONPATH``.

    :raises DevtoolsError: when the registry cannot be reached, say.
    """
    if os.environ.get(f"TMS_VENV_{name.upper()}"):
        _check_override(name, layout.venv(name))
        return layout.venv(name)
    wanted = replace(plan(layout, name), editable=None)
    store = layout.cache / "venvs" / ".store"
    own = store / f"{name}-{wanted.digest}"
    if (own / "complete").is_file():
        # The checkout's own, of the same locks and with no project in it.
        return own
    folder = store / f"shared-{name}-{wanted.digest}"
    with exclusive(folder.with_suffix(".lock"), f"makes the virtualenv {name}"):
        if not (folder / "complete").is_file():
            _make(wanted, folder, layout.logs / f"setup-venv-{name}.log", report)
    return folder


def _check_override(name: str, folder: Path) -> bool:
    if not (folder / "bin" / "python").exists():
        raise DevtoolsError(
            f"TMS_VENV_{name.upper()}={folder} is no virtualenv", "unset it"
        )
    return False


def _make(
    wanted: VenvPlan, folder: Path, log: Path, report: Callable[[str], None]
) -> None:
    """Make the virtualenv; its folder counts only once it holds the file complete.

    It cannot be made elsewhere and moved: its programs name the path they are at.
    """
    log.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = clean_environment({"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    try:
        for words, about in _commands(wanted, folder):
            report(about)
            run(words, log=log, what=about, cwd=folder.parent, env=environment)
        (folder / "complete").touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _commands(wanted: VenvPlan, folder: Path) -> Iterator[tuple[list[str], str]]:
    yield [sys.executable, "-m", "venv", str(folder)], "making the virtualenv"
    pip = [str(folder / "bin" / "python"), "-m", "pip", *_PIP]
    # A lock is complete, so nothing is resolved: the resolver of Debian 12's pip takes
    # an extra (coverage[toml]) at its newest version, whatever the lock pins.
    pinned = [*pip, "--no-deps", "--require-hashes", "--only-binary=:all:"]
    if wanted.sdists:
        tools = ["-r", str(BUILD_TOOLS)]
        yield [*pinned, *tools], "installing build tools"
        pinned += ["--no-build-isolation", f"--no-binary={','.join(wanted.sdists)}"]
    files = [word for lock in wanted.locks for word in ("-r", str(lock))]
    yield [*pinned, *files], "installing the locked packages"
    yield [*pip[:3], "check"], "checking that the lock is complete"
    for lock in wanted.data_locks:
        yield [*pinned, "-r", str(lock)], "installing data packages"
    if wanted.editable is not None:
        offline = ["--no-deps", "--no-index", "--no-build-isolation"]
        project = ["--editable", str(wanted.editable)]
        yield [*pip, *offline, *project], f"installing {wanted.editable.name}"


def _point(link: Path, folder: Path) -> None:
    """Point the virtualenv's name to its folder, and delete those before the last."""
    old = link.resolve() if link.is_symlink() else None
    if old == folder.resolve():
        return
    beside = link.with_name(f".{link.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(os.path.relpath(folder, link.parent))
    beside.replace(link)
    # The one that was replaced may be in use by an instance that runs.
    keep = {folder.resolve(), old}
    for other in folder.parent.glob(f"{link.name}-*"):
        if other.resolve() not in keep:
            shutil.rmtree(other, ignore_errors=True)
