"""Checks with a made-up outcome, and small checkouts to look at."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devtools.checks.check import PASSED, Check, Kind, Outcome
from devtools.checks.repository import Repository

MakeCheck = Callable[..., Check]
MakeRepository = Callable[..., Repository]


def make_check(
    name: str,
    outcome: Outcome = PASSED,
    needs: tuple[str, ...] = (),
    heavy: bool = False,
    action: Callable[[Path], Outcome] | None = None,
    component: str = "gps",
    kind: Kind = Kind.TEST,
) -> Check:
    """A check that ends as told."""
    return Check(name, component, kind, action or (lambda log: outcome), needs, heavy)


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """A git checkout with the given files; names with their texts."""

    def make(files: dict[str, str]) -> Repository:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        return Repository(tmp_path)

    return make
