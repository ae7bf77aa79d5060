"""One device's turn: fold its new fixes, and tell what changes. Pure.

In order, the fold goes on from the stored state. For a late fix it goes back to the
state before the first fix of that hour and folds again from there, until its state
before some later hour is the stored one: from there on everything is as it was.

Fixes come in parts, and a turn may be cut after any of them: what was found so far is
stored, and the rest is due once more.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec

from gps_ingestion_service.facts.fold import Fold, decode, encode, silence
from gps_ingestion_service.facts.model import Fact, Rules, Sample, hour_of
from gps_ingestion_service.facts.reconcile import Stored, is_same, reconcile
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

    ``state`` is the one to go on from, after all fixes up to ``seen_until``, and
    ``last`` its fix. ``checkpoints`` replace all those of the window before
    ``stopped_at``, or to its end for None: from then on all is as stored, but for what
    is in ``rest``, which is due again.
    """

    window: Window
    state: str
    seen_until: datetime
    silent: bool
    stopped_at: datetime | None
    checkpoints: dict[datetime, str]
    changes: list[Stored]
    last: Sample | None
    jumps: frozenset[datetime]
    turned_jumps: frozenset[datetime]
    rest: Due | None


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


class Turn:
    """Folds the fixes of a window, part by part in order of time."""

    def __init__(self, window: Window, rules: Rules) -> None:
        self.window = window
        self.begin = window.begin
        self.is_over = False
        self._fold = Fold(decode(window.state), rules)
        self._checkpoints: dict[datetime, str] = {}
        self._jumps_before: set[datetime] = set()
        self._taken_until: datetime | None = None
        self._stopped_at: datetime | None = None

    def take(
        self,
        samples: Sequence[Sample],
        jumps: Collection[datetime],
        fences: FenceIndex,
        *,
        is_last: bool,
    ) -> None:
        """Go on with the next part, which begins at ``begin``.

        :param jumps: the times of those that are stored as jumps
        :param is_last: whether the window has no more
        """
        self._fold.fences = fences
        window = self.window
        for sample in samples:
            hour = hour_of(sample.time)
            newest = self._fold.state.newest
            if newest is None or hour_of(newest.time) != hour:
                text = encode(self._fold.state)
                if hour > window.settled_from and window.checkpoints.get(hour) == text:
                    self._stopped_at = hour
                    break
                self._checkpoints[hour] = text
            self._fold.take(sample)
            self._taken_until = sample.time
            self.begin = sample.time + _TICK
        self._jumps_before.update(time for time in jumps if time < self.begin)
        self.is_over = is_last or self._stopped_at is not None

    def end(self, stored: Sequence[Stored]) -> Evaluation:
        """What has been found, compared with ``stored``: the facts of the device that
        had not settled before the window's beginning."""
        known, until = self.window.known, self._taken_until
        if self._stopped_at is not None:
            settled = [
                item for item in stored if _settled_before(item, self._stopped_at)
            ]
            changes = reconcile(settled, self._fold.ended)
            return self._as_it_was(self._stopped_at, changes, None)
        if self.is_over or until is None:
            return self._gone_on(self.window.end, stored, None)
        due_until = max(self.begin, self.window.settled_from)
        if known.seen_until is None or until >= known.seen_until:
            rest = Due(known.device, self.begin, max(due_until, self.window.end))
            return self._gone_on(until, stored, rest)
        self._checkpoints[self.begin] = encode(self._fold.state)
        rest = Due(known.device, self.begin, due_until)
        return self._as_it_was(self.begin, self._changes_of_cut(stored), rest)

    def _changes_of_cut(self, stored: Sequence[Stored]) -> list[Stored]:
        """The changes before a cut. Where facts after it stay as they are is for the
        rest to find out, so of those none is taken but for the same beginning."""
        settled = [item for item in stored if _settled_before(item, self.begin)]
        later = {_key(item.fact): item for item in stored if item not in settled}
        ended = self._fold.ended
        changes = [
            Stored(known.uuid, known.revision + 1, fact)
            for fact in ended
            if (known := later.get(_key(fact))) is not None
        ]
        others = [fact for fact in ended if _key(fact) not in later]
        going_on = self._fold.going_on()
        for change in reconcile(settled, others):
            if change.retracted and any(is_same(change.fact, it) for it in going_on):
                change = self._left_to_the_rest(change)
            changes.append(change)
        return changes

    def _left_to_the_rest(self, retracted: Stored) -> Stored:
        """A fact that goes on across the cut, and ended before it as far as was known:
        as it is, but so that the rest finds it."""
        fact = msgspec.structs.replace(retracted.fact, settled_at=self.begin)
        return Stored(retracted.uuid, retracted.revision - 1, fact)

    def _as_it_was(
        self, stopped_at: datetime, changes: list[Stored], rest: Due | None
    ) -> Evaluation:
        known = self.window.known
        return Evaluation(
            window=self.window,
            state=known.state,
            seen_until=known.seen_until or self.window.end,
            silent=known.silent,
            stopped_at=stopped_at,
            checkpoints=self._checkpoints,
            changes=changes,
            last=decode(known.state).last,
            jumps=frozenset(self._fold.jumps),
            turned_jumps=frozenset(self._fold.jumps ^ self._jumps_before),
            rest=rest,
        )

    def _gone_on(
        self, seen_until: datetime, stored: Sequence[Stored], rest: Due | None
    ) -> Evaluation:
        fold, known = self._fold, self.window.known
        true = [*fold.ended, *fold.lasting()]
        last, before = fold.state.last, decode(known.state).last
        silent = (
            known.silent
            and last is not None
            and before is not None
            and last.time == before.time
        )
        if silent and last is not None:
            true.append(silence(last, None))
        return Evaluation(
            window=self.window,
            state=encode(fold.state),
            seen_until=seen_until,
            silent=silent,
            stopped_at=None,
            checkpoints=self._checkpoints,
            changes=reconcile(stored, true),
            last=last,
            jumps=frozenset(fold.jumps),
            turned_jumps=frozenset(fold.jumps ^ self._jumps_before),
            rest=rest,
        )


def _key(fact: Fact) -> tuple[str, str, datetime]:
    return fact.kind, fact.subject, fact.started_at


def _settled_before(item: Stored, time: datetime) -> bool:
    return item.fact.settled_at is not None and item.fact.settled_at < time


def fall_silent(known: Known) -> list[Stored]:
    """The fact that a device has not been heard for too long."""
    last = decode(known.state).last
    return [] if last is None else [Stored(uuid4(), 1, silence(last, None))]
