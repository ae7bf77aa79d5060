"""The reviewed list of tests that may be skipped, each for a time."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from devtools.checks.junit import Skip
from devtools.errors import DevtoolsError

REVIEWED = Path(__file__).parent / "reviewed_skips.toml"
# A skip that is needed longer is reviewed again.
LONGEST = timedelta(days=90)


@dataclass(frozen=True)
class ReviewedSkip:
    """One test of one check that may be skipped.

    :param owner: who brings the test back.
    :param expires: the last day on which it may be skipped, UTC.
    """

    check: str
    test: str
    reason: str
    owner: str
    expires: date

    def problem(self, today: date) -> str:
        """What keeps the entry from counting; empty when it counts."""
        if not self.reason.strip() or not self.owner.strip():
            return "has no reason or no owner"
        if type(self.expires) is not date:
            return "needs a date such as 2027-03-31 in expires"
        if self.expires < today:
            return f"expired on {self.expires}: mend the test, or review it again"
        if self.expires - today > LONGEST:
            return f"expires in more than {LONGEST.days} days"
        return ""


def read_reviewed(path: Path = REVIEWED) -> frozenset[tuple[str, str]]:
    """Pairs of check and test that may be skipped today.

    :raises DevtoolsError: when an entry is incomplete or has expired.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("skip", [])
    try:
        skips = [ReviewedSkip(**entry) for entry in entries]
    except TypeError as error:
        fields = "check, test, reason, owner and expires"
        raise DevtoolsError(
            f"{path.name} has a wrong entry", f"each needs {fields}"
        ) from error
    today = datetime.now(UTC).date()
    for skip in skips:
        if problem := skip.problem(today):
            raise DevtoolsError(f"{path.name}: {skip.test} {problem}")
    return frozenset((skip.check, skip.test) for skip in skips)


def unreviewed(
    check: str, skips: tuple[Skip, ...], reviewed: frozenset[tuple[str, str]]
) -> list[Skip]:
    """Those that nobody has agreed to."""
    return [skip for skip in skips if (check, skip.test) not in reviewed]
