"""Packages that refuse an older Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.cli import main
from delivery.dependencies.python_support import unsupported
from delivery.errors import DeliveryError


def install(venv: Path, name: str, requires_python: str | None) -> None:
    folder = venv / "lib" / "python3.11" / "site-packages" / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_a_package_that_needs_a_newer_patch_release_is_found(tmp_path: Path) -> None:
    venv = tmp_path / "odoo"
    install(venv, "modern", ">=3.11.5")
    install(venv, "fine", ">=3.9,<4")
    install(venv, "silent", None)
    install(venv, "odd", ">=three")

    assert unsupported([venv], "3.11.2") == [
        "odoo: modern 1.0 needs Python >=3.11.5, not 3.11.2"
    ]
    assert unsupported([venv], "3.11.5") == []


def test_a_folder_without_packages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="is no virtualenv with packages"):
        unsupported([tmp_path], "3.11.2")


def test_the_command_fails_with_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "modern", ">=3.12")

    assert main(["python-support", "--python", "3.11.2", str(tmp_path)]) == 1
    assert "modern 1.0 needs Python >=3.12" in capsys.readouterr().out
    assert main(["python-support", "--python", "3.12.0", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "every package runs on Python 3.12.0\n"
