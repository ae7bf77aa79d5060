"""Advisory records in a folder or an archive."""

from __future__ import annotations

import tarfile
from datetime import date
from pathlib import Path

import pytest
from conftest import record_text

from delivery.advisories.records import AdvisoryDatabase, affects
from delivery.errors import DeliveryError


def with_events(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, object]:
    ranges = [{"type": kind, "events": list(events)}]
    package = {"name": "Insecure", "ecosystem": "PyPI"}
    return {"affected": [{"package": package, "ranges": ranges}]}


@pytest.mark.parametrize("inner", ["vulns", ""])
def test_the_folder_above_or_at_the_packages_is_read(
    advisories: Path, inner: str
) -> None:
    database = AdvisoryDatabase.open(advisories / "vulns" if inner else advisories)

    assert database.size == 1
    assert database.newest == date(2024, 10, 10)
    assert [found["id"] for found in database.matching("Insecure", "1.9")] == [
        "PYSEC-2024-1"
    ]
    assert database.matching("insecure", "2.0") == []
    assert database.matching("other", "1.0") == []


def test_an_archive_is_read_like_its_folder(advisories: Path, tmp_path: Path) -> None:
    archive = tmp_path / "advisories.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(advisories / "vulns", "vulns")

    assert AdvisoryDatabase.open(archive) == AdvisoryDatabase.open(advisories)


def test_the_newest_record_counts_for_the_age(advisories: Path) -> None:
    newer = record_text("insecure", "3.0", "PYSEC-2024-2", "2025-01-02T00:00:00Z")
    (advisories / "vulns" / "insecure" / "PYSEC-2024-2.yaml").write_text(newer)

    database = AdvisoryDatabase.open(advisories)

    assert database.newest == date(2025, 1, 2)
    assert len(database.matching("insecure", "1.0")) == 2


def test_a_withdrawn_record_does_not_match(tmp_path: Path) -> None:
    folder = tmp_path / "insecure"
    folder.mkdir()
    text = record_text("insecure", "2.0", extra='withdrawn: "2024-11-01T00:00:00Z"\n')
    (folder / "a.yaml").write_text(text)

    assert AdvisoryDatabase.open(tmp_path).matching("insecure", "1.0") == []


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (({"introduced": "1.0"}, {"fixed": "1.10"}), "1.9", "1.10"),
        (({"fixed": "1.10"}, {"introduced": "1.0"}), "1.0", "0.9"),
        (({"introduced": "0"}, {"last_affected": "1.9"}), "1.9", "1.9.1"),
        (
            (
                {"introduced": "0"},
                {"fixed": "1.0"},
                {"introduced": "2.0"},
                {"fixed": "2.1"},
            ),
            "2.0.5",
            "1.5",
        ),
    ],
)
def test_a_range_is_evaluated_in_order_of_version(
    events: tuple[dict[str, str], ...], inside: str, outside: str
) -> None:
    record = with_events(*events)

    assert affects(record, "insecure", inside)
    assert not affects(record, "insecure", outside)


def test_a_listed_version_matches_without_a_range() -> None:
    package = {"name": "insecure", "ecosystem": "PyPI"}
    record = {"affected": [{"package": package, "versions": ["1.0-odd"]}]}

    assert affects(record, "insecure", "1.0-odd")


def test_a_range_of_commits_says_nothing_about_versions() -> None:
    assert not affects(with_events({"introduced": "0"}, kind="GIT"), "insecure", "1.0")


def test_a_version_of_no_known_form_is_in_no_range() -> None:
    assert not affects(with_events({"introduced": "0"}), "insecure", "odd version")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file or folder"), ("", "is not a tar archive")],
)
def test_what_holds_no_records_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    source = tmp_path / "source"
    if content is not None:
        source.write_text(content)

    with pytest.raises(DeliveryError, match=message):
        AdvisoryDatabase.open(source)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="give the folder that holds vulns/"):
        AdvisoryDatabase.open(tmp_path)


def test_a_broken_record_is_refused_when_it_is_asked_for(advisories: Path) -> None:
    broken = advisories / "vulns" / "insecure" / "PYSEC-2024-3.yaml"
    broken.write_text("id: [\n")
    database = AdvisoryDatabase.open(advisories)

    with pytest.raises(DeliveryError, match="record of insecure is not YAML"):
        database.matching("insecure", "1.0")
