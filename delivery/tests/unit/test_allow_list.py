"""An accepted finding is a promise with a name and a date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from delivery.allow_list import Allowance, read_allow_list
from delivery.errors import DeliveryError

TODAY = date(2026, 11, 23)
ENTRY = """
[[allow]]
package = "insecure"
id = "CVE-2024-0001"
owner = "dispatch team"
reason = "the affected function is not used"
expires = 2026-12-31
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "allow-list.toml"
    path.write_text(ENTRY)
    return path


def test_an_entry_is_read(path: Path) -> None:
    (entry,) = read_allow_list(path, "package", TODAY)

    assert entry == Allowance(
        "CVE-2024-0001",
        "insecure",
        "dispatch team",
        "the affected function is not used",
        date(2026, 12, 31),
    )
    assert str(entry) == "insecure CVE-2024-0001 (owner dispatch team)"


def test_an_empty_list_allows_nothing(path: Path) -> None:
    path.write_text("# nothing is accepted\n")

    assert read_allow_list(path, "package", TODAY) == ()


def test_no_list_allows_nothing(tmp_path: Path) -> None:
    assert read_allow_list(tmp_path / "none.toml", "image", TODAY) == ()


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot read"):
        read_allow_list(tmp_path, "image", TODAY)


def test_an_entry_says_what_it_is_for(path: Path) -> None:
    with pytest.raises(DeliveryError, match="missing or unknown: image, package"):
        read_allow_list(path, "image", TODAY)


def test_an_entry_holds_on_its_last_day(path: Path) -> None:
    assert read_allow_list(path, "package", date(2026, 12, 31))


def test_an_expired_entry_is_refused_with_its_owner(path: Path) -> None:
    said = (
        r"insecure CVE-2024-0001 \(owner dispatch team\) was allowed until 2026-12-31"
    )
    with pytest.raises(DeliveryError, match=said):
        read_allow_list(path, "package", date(2027, 1, 1))


def test_an_entry_lasts_90_days_at_most(path: Path) -> None:
    assert read_allow_list(path, "package", date(2026, 10, 2))
    with pytest.raises(DeliveryError, match="90 days are the most"):
        read_allow_list(path, "package", date(2026, 10, 1))


def test_today_is_the_day_in_utc(path: Path) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    path.write_text(ENTRY.replace("2026-12-31", str(yesterday)))
    with pytest.raises(DeliveryError, match="was allowed until"):
        read_allow_list(path, "package")


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
        read_allow_list(path, "package", TODAY)
