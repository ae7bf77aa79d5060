"""Checkouts at different paths share a virtualenv that holds none of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.venvs import ensure_shared_venv, ensure_venv


def quiet(text: str) -> None:
    """A report that nobody reads."""


def checkout(layout: Layout, tmp_path: Path, name: str) -> Layout:
    """A checkout of its own with the common cache."""
    result = replace(layout, root=tmp_path / name, cache=tmp_path / "cache")
    result.service.mkdir(parents=True)
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (result.service / lock).write_text("")
    return result


@pytest.fixture
def free(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ready-made virtualenv of the service."""
    monkeypatch.delenv("TMS_VENV_GPS")


@pytest.mark.usefixtures("free")
def test_two_checkouts_share_one(layout: Layout, tmp_path: Path) -> None:
    said: list[str] = []
    first = ensure_shared_venv(checkout(layout, tmp_path, "a"), "gps", said.append)
    assert said == [
        "making the virtualenv",
        "installing the locked packages",
        "checking that the lock is complete",
    ]
    second = ensure_shared_venv(checkout(layout, tmp_path, "b"), "gps", said.append)
    assert first == second
    assert len(said) == 3, "nothing was made again"
    assert (first / "bin" / "python").exists()


@pytest.mark.usefixtures("free")
def test_another_lock_makes_another(layout: Layout, tmp_path: Path) -> None:
    here = checkout(layout, tmp_path, "a")
    first = ensure_shared_venv(here, "gps", quiet)
    (here.service / "requirements.txt").write_text("# changed\n")
    assert ensure_shared_venv(here, "gps", quiet) != first


def test_a_ready_made_one_is_taken(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ensure_shared_venv(layout, "gps", quiet) == layout.venv("gps")
    monkeypatch.setenv("TMS_VENV_GPS", str(tmp_path / "nothing"))
    with pytest.raises(DevtoolsError, match="is no virtualenv"):
        ensure_shared_venv(layout, "gps", quiet)


def test_the_checkout_s_own_is_shared_where_no_project_is_in_it(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TMS_VENV_DELIVERY", raising=False)
    here = checkout(layout, tmp_path, "a")
    (here.root / "delivery").mkdir()
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (here.root / "delivery" / lock).write_text("")
    ensure_venv(here, "delivery", quiet)
    shared = ensure_shared_venv(here, "delivery", quiet)
    assert shared == here.venv("delivery").resolve()
