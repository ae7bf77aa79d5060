"""A small checkout with stand-ins for what is too big to build in a unit test.

PostgreSQL, npm, virtualenvs, processes and HTTP are real. Odoo and the GPS service are
small programs with the same command lines, routes and log format.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from devtools.instance import Instance
from devtools.layout import Layout
from devtools.ports import Ports

STANDINS = Path(__file__).parent / "standins"
REAL = Layout.discover()


def write_program(path: Path, text: str) -> Path:
    """Write an executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _standin_venv(folder: Path, import_path: Path) -> None:
    """A virtualenv whose interpreter finds the stand-ins."""
    write_program(
        folder / "bin" / "python",
        f'#!/bin/sh\nPYTHONPATH="${{PYTHONPATH:-}}:{import_path}" '
        f'exec "{sys.executable}" "$@"\n',
    )


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that keeps the database template from one test to the next."""
    return tmp_path_factory.mktemp("a cache")


@pytest.fixture
def layout(
    tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Layout:
    """A checkout in a path with a space, with an Odoo tree in ODOO_HOME."""
    for variable in [v for v in os.environ if v.startswith("TMS_")]:
        monkeypatch.delenv(variable)
    root = tmp_path / "a checkout"
    monkeypatch.chdir(tmp_path)
    layout = Layout(root=root, cache=shared_cache, run=root / ".run")
    tree = STANDINS / "odoo_tree"
    monkeypatch.setenv("ODOO_HOME", str(tree))
    venvs = tmp_path / "venvs"
    for name in ("odoo", "gps", "integration", "delivery"):
        _standin_venv(venvs / name, STANDINS)
        monkeypatch.setenv(f"TMS_VENV_{name.upper()}", str(venvs / name))
    (venvs / "gps" / "lib").symlink_to(REAL.cache / "venvs" / "gps" / "lib")
    _write_addon(layout)
    (root / "simulator").symlink_to(STANDINS / "simulator")
    for name, port in zip(Ports.VARIABLES.values(), astuple(Ports.free())):
        monkeypatch.setenv(name, str(port))
    return layout


def _write_addon(layout: Layout) -> None:
    addon = layout.addon
    (addon / "models").mkdir(parents=True)
    (addon / "__manifest__.py").write_text("{'name': 'Transport'}\n")
    (addon / "models" / "trip.py").write_text("STATES = ('planned',)\n")
    package = {
        "name": "assets",
        "version": "1.0.0",
        "private": True,
        "scripts": {"assets": "mkdir -p static/lib && echo map > static/lib/map.js"},
    }
    (addon / "package.json").write_text(json.dumps(package))
    lock = {"name": "assets", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}
    (addon / "package-lock.json").write_text(json.dumps(lock))


@pytest.fixture
def instance(layout: Layout) -> Iterator[Instance]:
    """An instance that is ended when the test is over."""
    with Instance.temporary("unit", layout=layout, durable=False) as instance:
        yield instance
