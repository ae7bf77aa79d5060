"""What has changed between the facts that are stored and those that are true now."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from gps_ingestion_service.facts.model import Fact

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


class Stored(msgspec.Struct, frozen=True):
    """A fact with its identity; every change of it counts the revision up."""

    uuid: UUID
    revision: int
    fact: Fact
    retracted: bool = False


def reconcile(stored: Sequence[Stored], true: Iterable[Fact]) -> list[Stored]:
    """The stored facts as they must become, those only that change.

    A fact keeps its identity as long as something of the same kind and subject overlaps
    it. One that is true no more is retracted, one that is new begins at revision 1.
    """
    left: dict[tuple[str, str], list[Stored]] = {}
    for item in sorted(stored, key=lambda item: item.fact.started_at):
        left.setdefault((item.fact.kind, item.fact.subject), []).append(item)
    changes: list[Stored] = []
    shifted = []
    for fact in sorted(true, key=lambda fact: fact.started_at):
        known = _take(left, fact, _same_beginning)
        if known is None:
            shifted.append(fact)
        elif known.fact != fact:
            changes.append(Stored(known.uuid, known.revision + 1, fact))
    for fact in shifted:
        known = _take(left, fact, _overlap)
        if known is None:
            changes.append(Stored(uuid4(), 1, fact))
        else:
            changes.append(Stored(known.uuid, known.revision + 1, fact))
    for items in left.values():
        for item in items:
            changes.append(Stored(item.uuid, item.revision + 1, item.fact, True))
    return changes


def is_same(one: Fact, other: Fact) -> bool:
    """Whether two facts may be one that has changed."""
    return (one.kind, one.subject) == (other.kind, other.subject) and (
        _same_beginning(one, other) or _overlap(one, other)
    )


def _take(
    left: dict[tuple[str, str], list[Stored]],
    fact: Fact,
    match: Callable[[Fact, Fact], bool],
) -> Stored | None:
    """Take the first stored fact that matches out of those that are left."""
    candidates = left.get((fact.kind, fact.subject), [])
    for item in candidates:
        if match(item.fact, fact):
            candidates.remove(item)
            return item
    return None


def _same_beginning(one: Fact, other: Fact) -> bool:
    return one.started_at == other.started_at


def _overlap(one: Fact, other: Fact) -> bool:
    return one.started_at <= _end(other) and other.started_at <= _end(one)


def _end(fact: Fact) -> datetime:
    return fact.ended_at or _FOR_EVER
