"""One device's turn: fold its new fixes, and tell what changes. Pure.

In order, the fold goes on from the stored state. For a late fix it goes back to the
state before the first fix of that hour and folds again from there, until its state
before some later hour is the stored one: from there on everything is as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from gps_ingestion_service.facts.fold import Fold, decode, encode, silence
from gps_ingestion_service.facts.model import Rules, Sample, hour_of
from gps_ingestion_service.facts.reconcile import Stored, reconcile
from gps_ingestion_service.geofences.index import FenceIndex

EMPTY = "{}"
_TICK = timedelta(microseconds=1)


class Due(msgspec.Struct, frozen=True):
    """The times of the oldest and newest fix that a device's facts have yet to see."""

    device: int
    from_time: datetime
    to_time: datetime


class Known(msgspec.Struct, frozen=True):
    """What is stored of a device: the state after its fixes up to ``seen_until``, and
    whether its present silence is a fact."""

    device: int
    seen_until: datetime | None
    state: str
    silent: bool


class Window(msgspec.Struct, frozen=True):
    """Which fixes to fold, ``begin`` <= time <= ``end``, and from which state.

    ``checkpoints`` are the stored states before later hours; the fold may stop at one
    after ``settled_from``, where all that is new has been seen.
    """

    known: Known
    begin: datetime
    end: datetime
    state: str
    settled_from: datetime
    checkpoints: Mapping[datetime, str] = {}

    @property
    def is_late(self) -> bool:
        """Whether it goes back behind what was seen."""
        seen_until = self.known.seen_until
        return seen_until is not None and self.begin <= seen_until


class Evaluation(msgspec.Struct, frozen=True):
    """What a fold found, and what to store of it.

    ``stopped_at`` is the hour before which all was as stored, or None where the fold
    went to the end; ``state`` is the one to go on from, and ``last`` its fix.
    """

    window: Window
    state: str
    silent: bool
    stopped_at: datetime | None
    checkpoints: dict[datetime, str]
    changes: list[Stored]
    last: Sample | None
    jumps: frozenset[datetime]

    def changed_jumps(self, stored: Iterable[datetime]) -> set[datetime]:
        """The fixes that are jumps now and were not stored as such, and the other way
        round; ``stored`` are those of the whole window."""
        before = {
            time for time in stored if self.stopped_at is None or time < self.stopped_at
        }
        return before ^ self.jumps


def window_of(
    due: Due,
    known: Known,
    checkpoints: Sequence[tuple[datetime, str]],
    latest_age: timedelta,
) -> Window | None:
    """Where to begin for what is due; None where it is too late to change facts.

    :param checkpoints: the stored ones of the device, oldest first
    :param latest_age: how much older than the newest fix a late one may be
    """
    seen_until = known.seen_until
    if seen_until is None or due.from_time > seen_until:
        # Whatever came meanwhile unannounced, with facts switched off, is seen too.
        begin = due.from_time if seen_until is None else seen_until + _TICK
        return Window(known, begin, due.to_time, known.state, due.to_time)
    from_time = max(due.from_time, seen_until - latest_age)
    if due.to_time < from_time:
        return None
    begin, state = from_time, EMPTY
    for hour, text in checkpoints:
        if hour <= from_time:
            begin, state = hour, text
    later = {hour: text for hour, text in checkpoints if hour > begin}
    return Window(known, begin, max(seen_until, due.to_time), state, due.to_time, later)


def evaluate(
    window: Window,
    samples: Iterable[Sample],
    stored: Sequence[Stored],
    rules: Rules,
    fences: FenceIndex,
) -> Evaluation:
    """Fold the samples of the window, in order of time, and compare with ``stored``:
    the device's facts that had not settled before the window's beginning."""
    fold = Fold(decode(window.state), rules, fences)
    checkpoints: dict[datetime, str] = {}
    for sample in samples:
        hour = hour_of(sample.time)
        newest = fold.state.newest
        if newest is None or hour_of(newest.time) != hour:
            text = encode(fold.state)
            if hour > window.settled_from and window.checkpoints.get(hour) == text:
                return _stopped(window, hour, checkpoints, fold, stored)
            checkpoints[hour] = text
        fold.take(sample)
    return _finished(window, checkpoints, fold, stored)


def _stopped(
    window: Window,
    hour: datetime,
    checkpoints: dict[datetime, str],
    fold: Fold,
    stored: Sequence[Stored],
) -> Evaluation:
    settled = [
        item
        for item in stored
        if item.fact.settled_at is not None and item.fact.settled_at < hour
    ]
    return Evaluation(
        window=window,
        state=window.known.state,
        silent=window.known.silent,
        stopped_at=hour,
        checkpoints=checkpoints,
        changes=reconcile(settled, fold.ended),
        last=decode(window.known.state).last,
        jumps=frozenset(fold.jumps),
    )


def _finished(
    window: Window,
    checkpoints: dict[datetime, str],
    fold: Fold,
    stored: Sequence[Stored],
) -> Evaluation:
    true = [*fold.ended, *fold.lasting()]
    last, before = fold.state.last, decode(window.known.state).last
    silent = (
        window.known.silent
        and last is not None
        and before is not None
        and last.time == before.time
    )
    if silent and last is not None:
        true.append(silence(last, None))
    return Evaluation(
        window=window,
        state=encode(fold.state),
        silent=silent,
        stopped_at=None,
        checkpoints=checkpoints,
        changes=reconcile(stored, true),
        last=last,
        jumps=frozenset(fold.jumps),
    )


def fall_silent(known: Known) -> list[Stored]:
    """The fact that a device has not been heard for too long."""
    last = decode(known.state).last
    return [] if last is None else [Stored(uuid4(), 1, silence(last, None))]
