"""What a restored database must hold, and what it must not."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from devtools.recovery.writer import Acknowledged

RPO_S = 15 * 60.0
RTO_S = 4 * 3600.0


@dataclass(frozen=True)
class Proof:
    """The restored rows beside what was acknowledged.

    :param missing: acknowledged before the target, and not there.
    :param surplus: sent only after the target, and there.
    """

    restored: int
    before: int
    after: int
    missing: int
    surplus: int

    @property
    def holds(self) -> bool:
        """Whether exactly the past was restored; both sides must have been tried."""
        tried = self.before > 0 and self.after > 0
        return tried and not self.missing and not self.surplus


def prove(
    acknowledged: Iterable[Acknowledged], restored: Set[datetime], target: float
) -> Proof:
    """Compare what is there with what was promised.

    A batch that was under way at the target may be there or not.

    :param target: Unix time to which the database was restored.
    """
    before: set[datetime] = set()
    after: set[datetime] = set()
    for batch in acknowledged:
        if batch.acked_at < target:
            before.update(batch.fix_times)
        elif batch.sent_at > target:
            after.update(batch.fix_times)
    return Proof(
        restored=len(restored),
        before=len(before),
        after=len(after),
        missing=len(before - restored),
        surplus=len(after & restored),
    )


def lost_seconds(
    acknowledged: Iterable[Acknowledged], restored: Set[datetime], destroyed_at: float
) -> float:
    """Age, at the disaster, of the oldest promise that the archive cannot keep."""
    lost = [
        batch.acked_at for batch in acknowledged if not restored >= set(batch.fix_times)
    ]
    return max(0.0, destroyed_at - min(lost)) if lost else 0.0
