"""Odoo's official source: one commit of a real repository, or none at all."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from devtools import odoo_debian, odoo_official
from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_official import OfficialOdoo
from devtools.odoo_source import ensure_odoo, locate_odoo
from devtools.ports import LOOPBACK
from devtools.tests.conftest import STANDINS

FILES = {
    "odoo/release.py": "version_info = (18, 0, 0, 'final', 0, '')\n",
    "addons/fleet/__manifest__.py": "{'name': 'Fleet'}\n",
    "addons/fleet/i18n/hi.po": 'msgid ""\n',
}


class Repository:
    """A bare repository with a branch 18.0, served from a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self._committed = False
        folder.mkdir()
        self._git("init", "--quiet", "--bare", "--initial-branch=18.0")

    def commit(self, files: dict[str, str]) -> str:
        """Commit files on top of the branch; answers the commit's id."""
        lines = []
        for name, text in files.items():
            lines.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
        head = "commit refs/heads/18.0\ncommitter A <a@example.org> 0 +0000\ndata 0\n"
        parent = "from refs/heads/18.0^0\n" if self._committed else ""
        stream = f"{head}{parent}deleteall\n{''.join(lines)}"
        self._committed = True
        self._git("fast-import", "--quiet", text=stream)
        return self._git("rev-parse", "18.0").strip()

    def _git(self, *words: str, text: str = "") -> str:
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def serve_parts(self) -> None:
        """Send only the files that are asked for, and any commit, as big servers do."""
        for name in ("allowFilter", "allowAnySHA1InWant"):
            self._git("config", f"uploadpack.{name}", "true")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "odoo.git")


@pytest.fixture
def odoo(repository: Repository, tmp_path: Path) -> OfficialOdoo:
    commit = repository.commit(FILES)
    cache = tmp_path / "a cache" / "odoo"
    return OfficialOdoo(cache, tmp_path / "setup.log", repository.url, commit)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("in_parts", [True, False])
def test_the_pinned_commit_is_checked_out_without_translations(
    odoo: OfficialOdoo, repository: Repository, in_parts: bool
) -> None:
    if in_parts:
        repository.serve_parts()
    said: list[str] = []
    tree = odoo.ensure(said.append)
    assert tree is not None and tree == odoo.find()
    assert tree.series == "18.0"
    assert tree.origin == f"official source, commit {odoo.commit[:12]}"
    assert (tree.root / "addons" / "fleet" / "__manifest__.py").is_file()
    assert not list(tree.root.rglob("*.po"))
    assert said == [
        f"fetching Odoo 18.0, commit {odoo.commit[:12]}, from {odoo.url}",
    ]
    assert left_in(odoo.folder) == [f"official-{odoo.commit[:12]}", "official.json"]


def test_what_was_got_is_not_asked_for_again(
    odoo: OfficialOdoo, repository: Repository
) -> None:
    odoo.ensure(lambda text: None)
    said: list[str] = []
    assert replace(odoo, url="file:///gone").ensure(said.append) == odoo.find()
    assert said == []


def test_a_commit_behind_the_head_is_the_one_that_is_used(
    odoo: OfficialOdoo, repository: Repository
) -> None:
    repository.serve_parts()
    repository.commit({**FILES, "later": ""})
    tree = odoo.ensure(lambda text: None)
    assert tree is not None
    assert not (tree.root / "later").exists()


def test_another_pin_is_another_tree_and_keeps_the_old_one_until_it_is_there(
    odoo: OfficialOdoo, repository: Repository
) -> None:
    old = odoo.ensure(lambda text: None)
    later = replace(odoo, commit=repository.commit({**FILES, "later": ""}))
    assert replace(later, url="file:///gone").ensure(lambda text: None) == old
    new = later.ensure(lambda text: None)
    assert old is not None and new is not None
    assert new.fingerprint != old.fingerprint


def test_a_commit_that_the_repository_lacks_leaves_nothing(odoo: OfficialOdoo) -> None:
    said: list[str] = []
    assert replace(odoo, commit="0" * 40).ensure(said.append) is None
    assert said[-1].startswith("no official Odoo 18.0: git fetch failed")
    assert left_in(odoo.folder) == []


def test_a_commit_that_is_no_odoo_leaves_nothing(
    odoo: OfficialOdoo, repository: Repository
) -> None:
    said: list[str] = []
    other = replace(odoo, commit=repository.commit({"README": "nothing"}))
    assert other.ensure(said.append) is None
    assert "holds no Odoo" in said[-1]
    assert left_in(odoo.folder) == []


def test_a_server_that_is_silent_is_given_up(
    odoo: OfficialOdoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odoo_official, "ANSWER_TIMEOUT_S", 0.3)
    said: list[str] = []
    with socket.create_server((LOOPBACK, 0)) as silent:
        url = f"http://{LOOPBACK}:{silent.getsockname()[1]}/odoo"
        assert replace(odoo, url=url).ensure(said.append) is None
    assert said == [f"no official Odoo 18.0: {url} does not answer"]


def test_an_empty_address_asks_nobody(odoo: OfficialOdoo) -> None:
    said: list[str] = []
    assert replace(odoo, url="").ensure(said.append) is None
    assert said == ["no official Odoo 18.0: TMS_ODOO_SOURCE_URL is empty"]
    assert not odoo.folder.exists()


def test_without_git_there_is_no_official_source(
    odoo: OfficialOdoo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    assert odoo.ensure(said.append) is None
    assert said == ["no official Odoo 18.0: git is missing"]


# -- the order of the sources ----------------------------------------------------------


@pytest.fixture
def checkout(
    layout: Layout,
    odoo: OfficialOdoo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Layout:
    """A checkout with a cache of its own, no ODOO_HOME, and no Debian mirror."""
    monkeypatch.delenv("ODOO_HOME")
    monkeypatch.setenv("TMS_ODOO_SOURCE_URL", odoo.url)
    monkeypatch.setenv("TMS_ODOO_SOURCE_COMMIT", odoo.commit)
    monkeypatch.setattr(odoo_debian, "read_sources", lambda: [])
    return replace(layout, cache=tmp_path / "own cache")


def unpack_package(layout: Layout) -> None:
    """What unpacking Debian's package leaves."""
    folder = layout.cache / "odoo"
    shutil.copytree(STANDINS / "odoo_tree", folder / "19.0")
    record = {"version": "19.0.0", "sha256": "0", "tree": "19.0"}
    (folder / "unpacked.json").write_text(json.dumps(record))


def test_the_official_source_comes_before_the_distributions(checkout: Layout) -> None:
    tree = ensure_odoo(checkout, lambda text: None)
    assert tree == locate_odoo(checkout)
    assert tree.series == "18.0"


def test_the_distributions_package_comes_last(
    checkout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMS_ODOO_SOURCE_URL", "file:///gone")
    said: list[str] = []
    with pytest.raises(DevtoolsError, match="name no Debian mirror"):
        ensure_odoo(checkout, said.append)
    assert said == ["no official Odoo 18.0: file:///gone does not answer"]


def test_the_package_that_is_there_already_is_kept(checkout: Layout) -> None:
    unpack_package(checkout)
    tree = ensure_odoo(checkout, lambda text: None)
    assert tree == locate_odoo(checkout)
    assert tree.origin == "Debian package odoo-19 19.0.0"


def test_a_short_commit_id_is_refused(
    checkout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMS_ODOO_SOURCE_COMMIT", "384f5bf")
    with pytest.raises(DevtoolsError, match="384f5bf is no commit id: give its 40 hex"):
        ensure_odoo(checkout, lambda text: None)
