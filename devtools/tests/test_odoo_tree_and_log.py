"""Odoo's tree is recognised, its log read, its configuration written."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.odoo_log import find_problems, reviewed
from devtools.odoo_server import OdooServer
from devtools.odoo_source import ensure_odoo, locate_odoo
from devtools.odoo_tree import inspect_tree
from devtools.password_hash import hash_password
from devtools.tests.conftest import STANDINS


def make_tree(folder: Path, version: str, addons: str = "addons") -> Path:
    (folder / "odoo").mkdir(parents=True)
    (folder / "odoo" / "release.py").write_text(
        f"version_info = ({version}, 'final')\n"
    )
    (folder / addons / "fleet").mkdir(parents=True)
    return folder


def test_a_checkout_of_18_loads_demo_data_by_itself(tmp_path: Path) -> None:
    tree = inspect_tree(make_tree(tmp_path, "18, 0, 0"), "here")
    assert (tree.series, tree.demo_options) == ("18.0", ())
    assert tree.addons_folders == (tmp_path / "addons",)


def test_an_installed_19_has_its_addons_inside_and_is_asked_for_demo_data(
    tmp_path: Path,
) -> None:
    tree = inspect_tree(make_tree(tmp_path, "19, 0, 0", "odoo/addons"), "here")
    assert (tree.series, tree.demo_options) == ("19.0", ("--with-demo",))
    assert tree.environment["PYTHONPATH"] == str(tmp_path)


def test_a_folder_without_odoo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevtoolsError, match="holds no Odoo.*set ODOO_HOME"):
        inspect_tree(tmp_path, "here")
    make_tree(tmp_path, "17, 0, 0")
    with pytest.raises(DevtoolsError, match="is Odoo 17.0: give one of 18.0, 19.0"):
        inspect_tree(tmp_path, "here")
    (tmp_path / "odoo" / "release.py").write_text("")
    with pytest.raises(DevtoolsError, match="names no version"):
        inspect_tree(tmp_path, "here")


def test_a_tree_without_addons_is_refused(tmp_path: Path) -> None:
    make_tree(tmp_path, "18, 0, 0")
    (tmp_path / "addons" / "fleet").rmdir()
    with pytest.raises(DevtoolsError, match="lacks Odoo's addons"):
        inspect_tree(tmp_path, "here")


def test_another_commit_is_another_tree(tmp_path: Path) -> None:
    git = make_tree(tmp_path, "18, 0, 0") / ".git"
    git.mkdir()
    prints = set()
    (git / "HEAD").write_text("0123abcd\n")
    prints.add(inspect_tree(tmp_path, "here").fingerprint)
    (git / "HEAD").write_text("ref: refs/heads/18.0\n")
    (git / "refs" / "heads").mkdir(parents=True)
    for commit in ("1111", "2222"):
        (git / "refs" / "heads" / "18.0").write_text(commit)
        prints.add(inspect_tree(tmp_path, "here").fingerprint)
    assert len(prints) == 3


def test_odoo_home_comes_first(layout: Layout) -> None:
    tree = ensure_odoo(layout, lambda text: None)
    assert tree == locate_odoo(layout)
    assert tree.origin == f"ODOO_HOME={STANDINS / 'odoo_tree'}"


def test_warnings_and_what_follows_them_are_problems() -> None:
    head = "2026-11-23 10:00:00,000 7"
    log = [
        f"{head} INFO tms odoo.modules.loading: loading fleet",
        f"{head} WARNING tms odoo.fields: tms.trip.weight: unknown parameter",
        "  continued",
        f"{head} INFO ? odoo.service.server: HTTP service running",
        "a line without a level",
        f"{head} ERROR tms odoo.sql_db: bad query",
        "Traceback (most recent call last):",
        f"{head} CRITICAL tms odoo.service: down",
    ]
    kept = [log[1], log[2], log[5], log[6], log[7]]
    assert find_problems("\n".join(log)) == kept


def test_a_reviewed_line_is_no_problem_and_every_entry_has_a_reason() -> None:
    line = (
        "2026-11-23 10:00:00,000 7 ERROR ? odoo.tests.common: "
        "Importing test framework, avoid importing from business modules"
    )
    assert find_problems(f"{line}\n  File ...") == []
    assert find_problems(line.replace("odoo.tests.common", "odoo.addons")) != []
    assert all(entry.reason for entry in reviewed())


def test_the_configuration_survives_a_percent_sign(tmp_path: Path) -> None:
    tree = inspect_tree(make_tree(tmp_path / "tree", "18, 0, 0"), "here")
    server = OdooServer(tree, Path("python"), tmp_path / "100%", tmp_path, {})
    server.configure(
        postgres_port=1, http_port=2, password="p", master="m", log=Path("odoo.log")
    )
    text = server.config_file.read_text()
    assert "100%%" in text
    assert "logfile = odoo.log" in text
    assert "http_interface = 127.0.0.1\n" in text
    assert "list_db = False\n" in text


def test_a_hash_is_what_passlib_makes_of_the_same_salt() -> None:
    # From passlib 1.7.4: pbkdf2_sha512.using(rounds=25000, salt=...).hash("password")
    assert hash_password("password", b"salt1234salt1234", rounds=25000) == (
        "$pbkdf2-sha512$25000$c2FsdDEyMzRzYWx0MTIzNA$IZNQZtBodDscQVSInArrLIbNWae2G6PP"
        "IqdsAjZxKhkM5ib1u0nN9SvYoSJx1ZH2Gswb2hbFGr7r0UwnYXObdg"
    )
    assert hash_password("x", rounds=1) != hash_password("x", rounds=1)
