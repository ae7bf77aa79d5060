"""An image made of an unpacked Odoo."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from delivery.platform.commands import run
from delivery.platform.engine import Engine
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.odoo_image import OdooImage, pack_command, series_of
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes
from delivery.platform.registry import Registry

from .doubles import Recorder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a small Odoo, and with things beside it that are none of it."""
    home = tmp_path / "home"
    (home / "odoo/addons/web/__pycache__").mkdir(parents=True)
    (home / "odoo/release.py").write_text("version_info = (19, 0, 0, 'final', 0, '')\n")
    (home / "odoo/addons/web/__pycache__/x.pyc").touch()
    (home / "odoo/addons/web/font.ttf").symlink_to("../../../share/font.ttf")
    (home / "setup").mkdir()
    return home


@pytest.fixture
def image(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    recorder: Recorder,
) -> OdooImage:
    """Its docker is a recorder and its registry is empty."""
    packages = Packages(layout)
    engine = Engine(layout, network, processes, packages)
    monkeypatch.setattr(engine, "docker", lambda *w, **k: recorder(list(w), **k))
    registry = Registry(layout, network, processes, packages)
    monkeypatch.setattr(registry, "holds", lambda repository, tag: False)
    return OdooImage(network, engine, registry)


def pack(home: Path, archive: Path) -> bytes:
    run(pack_command(home, archive), purpose="packing")
    return archive.read_bytes()


def test_the_image_is_named_by_series_and_content(
    image: OdooImage, home: Path, recorder: Recorder, network: Network
) -> None:
    name = image.provide(home)
    assert name.startswith(f"{network.registry}/platform/odoo:19.0-")
    imported, pushed = recorder.lines
    assert imported.endswith(name)
    assert pushed == f"push --quiet {name}"
    (home / "odoo/release.py").write_text("version_info = (19, 0, 1)\n")
    assert image.provide(home) != name


def test_an_image_that_the_registry_holds_is_not_made_again(
    image: OdooImage, home: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image.registry, "holds", lambda repository, tag: True)
    image.provide(home)
    assert recorder.commands == []


def test_the_same_files_make_the_same_archive(home: Path, tmp_path: Path) -> None:
    first = pack(home, tmp_path / "a.tar")
    copy = shutil.copytree(home, tmp_path / "copy", symlinks=True)
    os.utime(copy / "odoo/release.py", (1, 1))
    assert pack(copy, tmp_path / "b.tar") == first


def test_odoo_and_nothing_else_is_below_its_folder(home: Path, tmp_path: Path) -> None:
    (home / "addons/fleet").mkdir(parents=True)
    pack(home, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert sorted(archive.getnames()) == [
            "odoo/addons",
            "odoo/addons/fleet",
            "odoo/odoo",
            "odoo/odoo/addons",
            "odoo/odoo/addons/web",
            "odoo/odoo/addons/web/font.ttf",
            "odoo/odoo/release.py",
        ]
        link = archive.getmember("odoo/odoo/addons/web/font.ttf")
        assert link.linkname == "../../../share/font.ttf"


@pytest.mark.parametrize(
    ("release", "why"), [(None, "holds no Odoo"), ("name = 1\n", "names no version")]
)
def test_what_is_no_odoo_is_refused(
    tmp_path: Path, release: str | None, why: str
) -> None:
    if release is not None:
        (tmp_path / "odoo").mkdir()
        (tmp_path / "odoo/release.py").write_text(release)
    with pytest.raises(PlatformError, match=why):
        series_of(tmp_path)
