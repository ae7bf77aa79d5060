"""Locks, and whether they still belong to their sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.dependencies.lock import read_pins
from delivery.dependencies.lock_check import problems
from delivery.errors import DeliveryError

WriteLock = Callable[..., Path]


def source(folder: Path, text: str, name: str = "requirements.in") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_pins_are_read_with_hashes_markers_and_comments(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "# a comment\n"
        "Py_YAML[fast]==6.0 ; python_version >= '3.8' \\\n"
        "    --hash=sha256:aa \\\n"
        "    --hash=sha256:bb\n"
        "    # via -r requirements.in\n"
        "colorama==0.4 ; sys_platform == 'win32' --hash=sha256:cc\n"
    )

    pins = read_pins(lock)

    assert pins["py-yaml"].hashes == ("sha256:aa", "sha256:bb")
    assert pins["py-yaml"].applies
    assert not pins["colorama"].applies


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("requests>=2", "requests is not pinned"),
        ("requests", "requests is not pinned"),
        ("--index-url somewhere", "take out the option --index-url"),
        ("not a requirement", "Expected"),
    ],
)
def test_a_line_that_pins_nothing_is_refused(
    tmp_path: Path, line: str, message: str
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(line + "\n")

    with pytest.raises(DeliveryError, match=message):
        read_pins(lock)


def test_a_lock_that_meets_its_source_has_no_problem(
    tmp_path: Path, write_lock: WriteLock
) -> None:
    write_lock("requests==2.32.5", "urllib3==2.7.0")
    requirements = source(
        tmp_path, "requests>=2.32,<3  # http\ncolorama; sys_platform == 'win32'\n"
    )

    assert problems(requirements) == []


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("flask", "flask is missing; run `make lock`"),
        ("requests>=3", "requests 2.32.5 is not requests>=3; run `make lock`"),
    ],
)
def test_a_lock_that_lags_behind_its_source_is_found(
    tmp_path: Path, write_lock: WriteLock, wanted: str, problem: str
) -> None:
    lock = write_lock("requests==2.32.5")

    assert problems(source(tmp_path, wanted + "\n")) == [f"{lock}: {problem}"]


def test_requirements_of_included_files_are_looked_for_too(
    tmp_path: Path, write_lock: WriteLock
) -> None:
    source(tmp_path, "flask\n", "base.in")
    write_lock("requests==2.32.5")

    (problem,) = problems(source(tmp_path, "-r base.in\nrequests\n"))

    assert "flask is missing" in problem


def test_a_lock_that_left_its_constraint_is_found(
    tmp_path: Path, write_lock: WriteLock
) -> None:
    write_lock("requests==2.32.4", name="base.txt")
    write_lock("requests==2.32.5")

    (problem,) = problems(source(tmp_path, "-c base.txt\nrequests\n"))

    assert "requests 2.32.5 differs from 2.32.4 in base.txt" in problem


def test_a_pin_without_a_hash_is_found(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("requests==2.32.5\n")

    (problem,) = problems(source(tmp_path, "requests\n"))

    assert "requests has no hash" in problem


def test_an_address_in_a_lock_is_found(tmp_path: Path, write_lock: WriteLock) -> None:
    lock = write_lock("requests==2.32.5")
    lock.write_text(lock.read_text() + "# from https://index.example\n")

    (problem,) = problems(source(tmp_path, "requests\n"))

    assert "holds an address" in problem


def test_a_source_without_its_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot read .*requirements.txt"):
        problems(source(tmp_path, "requests\n"))
