"""The reviewed list of tests that may be skipped."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from devtools.checks.junit import Skip
from devtools.errors import DevtoolsError

REVIEWED = Path(__file__).parent / "reviewed_skips.toml"


@dataclass(frozen=True)
class ReviewedSkip:
    """One test of one check that may be skipped."""

    check: str
    test: str
    reason: str


def read_reviewed(path: Path = REVIEWED) -> frozenset[tuple[str, str]]:
    """Pairs of check and test that may be skipped.

    :raises DevtoolsError: when an entry lacks its reason, say.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
    try:
        skips = [ReviewedSkip(**entry) for entry in entries]
    except TypeError as error:
        raise DevtoolsError(
            f"{path.name} has a wrong entry", "each needs check, test and reason"
        ) from error
    if any(not skip.reason.strip() for skip in skips):
        raise DevtoolsError(f"{path.name} has an entry without a reason")
    return frozenset((skip.check, skip.test) for skip in skips)


def unreviewed(
    check: str, skips: tuple[Skip, ...], reviewed: frozenset[tuple[str, str]]
) -> list[Skip]:
    """Those that nobody has agreed to."""
    return [skip for skip in skips if (check, skip.test) not in reviewed]
