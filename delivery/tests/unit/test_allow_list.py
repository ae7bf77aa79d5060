"""Accepted advisories."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from delivery.dependencies.allow_list import read_allow_list
from delivery.errors import DeliveryError

ENTRY = """
[[allow]]
package = "Some_Package"
id = "CVE-2024-0001"
owner = "dispatch team"
reason = "the affected function is not used"
expires = 2026-12-31
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "allow-list.toml"


def test_an_entry_is_read_with_its_package_normalised(path: Path) -> None:
    path.write_text(ENTRY)

    (entry,) = read_allow_list(path)

    assert entry.package == "some-package"
    assert entry.expires == date(2026, 12, 31)
    assert str(entry) == "some-package CVE-2024-0001 (owner dispatch team)"


def test_an_empty_list_allows_nothing(path: Path) -> None:
    path.write_text("# nothing is accepted\n")

    assert read_allow_list(path) == ()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('owner = "dispatch team"\n', "", "missing or unknown: owner"),
        ("reason", "because", "missing or unknown: because, reason"),
        ("2026-12-31", '"soon"', "expires must be a date"),
        ("2026-12-31", "2026-12-31T10:00:00Z", "expires must be a date"),
        ('"dispatch team"', '" "', "owner must be a text"),
        ("[[allow]]", "[[ignore]]", "unknown table ignore"),
        ("[[allow]]", "[[allow", "is not TOML"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(
    path: Path, before: str, after: str, message: str
) -> None:
    path.write_text(ENTRY.replace(before, after))

    with pytest.raises(DeliveryError, match=message):
        read_allow_list(path)


def test_a_missing_list_is_refused(path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot read"):
        read_allow_list(path)
