"""Virtualenvs: complete and as their locks say, or not there."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.layout import VENV_NAMES, Layout
from devtools.venvs import ensure_venv, plan


def quiet(text: str) -> None:
    """A report that nobody reads."""


# Builds the smallest wheel there is: what a build backend with dependencies would do
# needs those to be downloaded.
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "gps_service-1-py3-none-any.whl", "gps_service-1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        metadata = "Metadata-Version: 2.1\\nName: gps-service\\nVersion: 1\\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\n"
            "Root-Is-Purelib: true\\nTag: py3-none-any\\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture
def bare(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout with empty locks, whose virtualenvs are not made yet."""
    for name in VENV_NAMES:
        monkeypatch.delenv(f"TMS_VENV_{name.upper()}")
    for folder in (layout.addon, layout.service, layout.root / "delivery"):
        folder.mkdir(parents=True, exist_ok=True)
        for lock in ("requirements.txt", "requirements-dev.txt"):
            (folder / lock).write_text("")
    (layout.root / "requirements").mkdir()
    (layout.root / "requirements" / "integration.txt").write_text("")
    (layout.service / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\n"
        'build-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "gps-service"\nversion = "1"\n'
    )
    (layout.service / "backend.py").write_text(BACKEND)
    return replace(layout, cache=tmp_path / "own cache")


def test_a_virtualenv_is_made_once_and_again_when_its_lock_changes(
    bare: Layout,
) -> None:
    said: list[str] = []
    assert ensure_venv(bare, "integration", said.append)
    assert said == [
        "making the virtualenv",
        "installing the locked packages",
        "checking that the lock is complete",
    ]
    first = bare.venv("integration").resolve()
    assert not ensure_venv(bare, "integration", quiet)
    lock = bare.root / "requirements" / "integration.txt"
    for comment in ("# one\n", "# two\n"):
        lock.write_text(comment)
        assert ensure_venv(bare, "integration", quiet)
    # The one before the last may still be in use; older ones are gone.
    assert len(list((bare.cache / "venvs" / ".store").iterdir())) == 2
    assert not first.exists()
    assert bare.python("integration").exists()


def test_the_service_is_installed_in_place(bare: Layout) -> None:
    assert ensure_venv(bare, "gps", quiet)
    installed = bare.venv("gps").resolve().glob("lib/*/site-packages/*gps_service*")
    assert [path for path in installed]


def test_a_package_that_cannot_be_had_leaves_no_virtualenv(bare: Layout) -> None:
    lock = bare.root / "requirements" / "integration.txt"
    lock.write_text(f"nothing @ file:///nothing.whl --hash=sha256:{'0' * 64}\n")
    with pytest.raises(DevtoolsError, match="installing the locked packages failed"):
        ensure_venv(bare, "integration", quiet)
    assert not list((bare.cache / "venvs" / ".store").iterdir())
    assert not bare.venv("integration").exists()


def wheel(folder: Path, name: str, version: str, metadata: str = "") -> str:
    """Put an empty wheel into the folder; returns the line that locks it."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\n"
            "Root-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


def test_a_newer_version_of_an_extra_does_not_move_a_lock(
    bare: Layout, tmp_path: Path
) -> None:
    extra = "Provides-Extra: more\n"
    locked = wheel(tmp_path, "core", "1", extra)
    locked += wheel(tmp_path, "user", "1", "Requires-Dist: core[more]>=1\n")
    wheel(tmp_path, "core", "2", extra)
    lock = bare.root / "requirements" / "integration.txt"
    lock.write_text(f"--no-index\n--find-links {tmp_path}\n{locked}")
    assert ensure_venv(bare, "integration", quiet)
    assert list(bare.venv("integration").glob("lib/*/site-packages/core-1.dist-info"))


def test_a_lock_that_leaves_something_out_makes_no_virtualenv(
    bare: Layout, tmp_path: Path
) -> None:
    locked = wheel(tmp_path, "user", "1", "Requires-Dist: core\n")
    lock = bare.root / "requirements" / "integration.txt"
    lock.write_text(f"--no-index\n--find-links {tmp_path}\n{locked}")
    with pytest.raises(DevtoolsError, match="checking that the lock is complete"):
        ensure_venv(bare, "integration", quiet)
    assert not bare.venv("integration").exists()


def test_what_goes_where(bare: Layout) -> None:
    assert plan(bare, "odoo").sdists == ("docopt",)
    assert plan(bare, "gps").editable == bare.service
    data = bare.root / "simulator" / "requirements-data.txt"
    assert plan(bare, "integration").data_locks == ()
    assert not data.exists()


def test_a_ready_made_virtualenv_is_taken_as_it_is(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not ensure_venv(layout, "odoo", quiet)
    monkeypatch.setenv("TMS_VENV_ODOO", str(tmp_path / "nothing"))
    with pytest.raises(DevtoolsError, match="is no virtualenv: unset it"):
        ensure_venv(layout, "odoo", quiet)
