"""Debian's package: found by signed metadata, verified, unpacked, repaired, kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from devtools import odoo_debian
from devtools.apt_sources import Source
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_debian import DebianOdoo, parse_print_uris
from devtools.odoo_source import ensure_odoo
from devtools.tests.conftest import STANDINS, write_program

PACKAGES = "usr/lib/python3/dist-packages"
MIRROR = Source("http://mirror.example/debian", "bookworm", ("main",))


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    """A real, small package with the layout of Debian's, broken links included."""
    root = tmp_path / "package"
    addons = root / PACKAGES / "odoo" / "addons"
    addons.mkdir(parents=True)
    tree = STANDINS / "odoo_tree"
    shutil.copy(tree / "odoo" / "release.py", root / PACKAGES / "odoo")
    shutil.copytree(tree / "addons" / "fleet", addons / "fleet")
    for unwanted in ("l10n_fr", "fleet/i18n"):
        (addons / unwanted).mkdir()
        (addons / unwanted / "file").write_text("")
    (addons / "web/static/lib/jquery").mkdir(parents=True)
    (addons / "web/static/lib/jquery/jquery.js").symlink_to("/not/installed.js")
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        "Package: odoo-19\nVersion: 19.0.0+dfsg-1\nArchitecture: all\n"
        "Maintainer: A <a@example.org>\nDescription: test\n"
    )
    file = tmp_path / "odoo-19_19.0.0+dfsg-1_all.deb"
    command = ["dpkg-deb", "--build", str(root), str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


@pytest.fixture
def odoo(deb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DebianOdoo:
    """The step, with an apt-get and an npm that need no network."""
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    uri = f"'http://mirror.example/{deb.name}' {deb.name} 9 SHA256:{digest}"
    programs = tmp_path / "bin"
    write_program(
        programs / "apt-get",
        "#!/bin/sh\n"
        f'echo "$@" >> "{tmp_path}/apt.calls"\n'
        f'if [ -e "{tmp_path}/offline" ]; then\n'
        '  echo "E: Temporary failure resolving mirror" >&2; exit 100\n'
        "fi\n"
        'case "$*" in\n'
        f"*--print-uris*) cat <<'END'\n{uri}\nEND\n;;\n"
        f'*"download odoo-19") cp "{deb}" . ;;\n'
        "esac\n",
    )
    write_program(
        programs / "npm",
        "#!/bin/sh\n"
        "test -f package-lock.json || exit 1\n"
        "mkdir -p node_modules/jquery/dist\n"
        "echo '/* jQuery */' > node_modules/jquery/dist/jquery.js\n",
    )
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(odoo_debian, "read_sources", lambda: [MIRROR])
    monkeypatch.setattr(odoo_debian, "_codename", lambda: "bookworm")
    return DebianOdoo(tmp_path / "cache" / "odoo", tmp_path / "setup.log")


def test_it_is_downloaded_unpacked_and_repaired_once(
    odoo: DebianOdoo, tmp_path: Path
) -> None:
    said: list[str] = []
    tree = odoo.ensure(said.append)
    assert tree.series == "19.0"
    assert tree.origin == "Debian package odoo-19 19.0.0+dfsg-1"
    assert said[1] == "downloading odoo-19 19.0.0+dfsg-1"
    assert "sha256" in said[2]
    addons = tree.root / "odoo" / "addons"
    jquery = addons / "web/static/lib/jquery/jquery.js"
    assert jquery.read_text() == "/* jQuery */\n"
    selfie = addons / "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    assert selfie.read_text() == ""
    assert not (addons / "l10n_fr").exists()
    assert not (addons / "fleet" / "i18n").exists()

    calls = (tmp_path / "apt.calls").read_text()
    assert odoo.ensure(said.append) == tree
    assert (tmp_path / "apt.calls").read_text() == calls


def test_only_the_machines_mirror_is_asked_with_a_private_state(
    odoo: DebianOdoo, tmp_path: Path
) -> None:
    odoo.ensure(lambda text: None)
    line = (odoo.folder / "apt" / "sources.list").read_text()
    assert line.endswith(" http://mirror.example/debian sid main\n")
    calls = (tmp_path / "apt.calls").read_text()
    assert f"Dir::State={odoo.folder}/apt/state" in calls
    assert "Dir::Etc::SourceParts=/dev/null" in calls
    assert "AllowUnauthenticated" not in calls


def test_without_network_the_cached_package_does(
    odoo: DebianOdoo, tmp_path: Path
) -> None:
    tree = odoo.ensure(lambda text: None)
    (odoo.folder / "unpacked.json").unlink()
    (tmp_path / "offline").touch()
    said: list[str] = []
    assert odoo.ensure(said.append) == tree
    assert said[1].startswith("no mirror answers: using odoo-19_19.0.0+dfsg-1_all.deb")


def test_without_network_and_cache_one_line_says_what_to_do(
    odoo: DebianOdoo, tmp_path: Path
) -> None:
    (tmp_path / "offline").touch()
    with pytest.raises(DevtoolsError, match="check the network, or set ODOO_HOME"):
        odoo.ensure(lambda text: None)
    assert odoo.find() is None


def test_a_download_that_is_not_what_the_metadata_says_is_deleted(
    odoo: DebianOdoo, deb: Path
) -> None:
    deb.write_bytes(deb.read_bytes() + b"x")
    with pytest.raises(DevtoolsError):
        odoo.ensure(lambda text: None)
    assert not list(odoo.folder.glob("*.deb"))


def test_a_failed_repair_leaves_no_tree(
    odoo: DebianOdoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path / "bin" / "npm", "#!/bin/sh\necho ENOTFOUND >&2; exit 1\n")
    with pytest.raises(
        DevtoolsError, match="npm failed: the registry cannot be reached"
    ):
        odoo.ensure(lambda text: None)
    assert not list(odoo.folder.glob("*19.0.0_dfsg*/usr"))


def test_a_damaged_package_leaves_no_tree(odoo: DebianOdoo, deb: Path) -> None:
    odoo.folder.mkdir(parents=True)
    damaged = odoo_debian.Deb("1", "damaged.deb", "0")
    (odoo.folder / "damaged.deb").write_text("no package")
    with pytest.raises(DevtoolsError, match="could not be unpacked"):
        odoo._unpack(damaged)
    assert not (odoo.folder / "1").exists()


def test_a_machine_without_a_mirror_is_told(
    odoo: DebianOdoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odoo_debian, "read_sources", lambda: [])
    with pytest.raises(DevtoolsError, match="name no Debian mirror"):
        odoo.ensure(lambda text: None)


def test_the_key_of_a_private_mirror_is_used(odoo: DebianOdoo) -> None:
    (odoo.folder / "apt").mkdir(parents=True)
    armoured = Source("u", "s", (), "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    key = odoo._keyring(armoured)
    assert key is not None and key.read_text().startswith("-----BEGIN PGP")
    assert odoo._keyring(Source("u", "s", (), "/k.gpg")) == Path("/k.gpg")


def test_metadata_without_the_package_is_told() -> None:
    with pytest.raises(DevtoolsError, match="describes no odoo-19"):
        parse_print_uris("")
    deb = parse_print_uris("'http://m/x' odoo-19_1%3a2_all.deb 5 SHA256:" + "a" * 64)
    assert (deb.version, deb.file) == ("1:2", "odoo-19_1%3a2_all.deb")


def test_the_package_is_the_choice_without_odoo_home(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, odoo: DebianOdoo
) -> None:
    monkeypatch.delenv("ODOO_HOME")
    monkeypatch.setenv("TMS_ODOO_SOURCE_URL", "")
    monkeypatch.setattr("devtools.odoo_source._debian", lambda layout: odoo)
    tree = ensure_odoo(layout, lambda text: None)
    assert tree.origin.startswith("Debian package")
