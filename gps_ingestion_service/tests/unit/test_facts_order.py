"""Facts do not depend on the order in which fixes come, nor on how they are grouped."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from support.driving import LATITUDE, LONGITUDE, after, at

from gps_ingestion_service.facts.evaluate import (
    EMPTY,
    Due,
    Known,
    Turn,
    window_of,
)
from gps_ingestion_service.facts.fold import Fold, State
from gps_ingestion_service.facts.model import Fact, Kind, Rules, Sample
from gps_ingestion_service.facts.reconcile import Stored, reconcile
from gps_ingestion_service.geofences.index import Fence, FenceIndex
from gps_ingestion_service.geofences.shapes import Circle

RULES = Rules(stop_min=timedelta(seconds=60), silence=timedelta(minutes=20))
FENCES = FenceIndex(
    [
        Fence(
            geofence_id="depot",
            shape=Circle(LATITUDE, LONGITUDE, 150),
            valid_from=after(0),
            hysteresis_m=40,
            dwell=timedelta(minutes=10),
        ),
        # The same geofence, larger from some time on.
        Fence(
            geofence_id="yard",
            shape=Circle(LATITUDE, LONGITUDE, 100),
            valid_from=after(0),
            valid_until=after(3000),
        ),
        Fence(
            geofence_id="yard",
            shape=Circle(LATITUDE, LONGITUDE, 1500),
            valid_from=after(3000),
        ),
        Fence(
            geofence_id="mine",
            shape=Circle(LATITUDE, LONGITUDE, 1000),
            valid_from=after(0),
            vehicle_identifier="MH2",
        ),
    ]
)
WEEK = timedelta(days=7)


class Memory:
    """What the tables hold of one device, with every revision that was ever stored."""

    def __init__(
        self, latest_age: timedelta = WEEK, most: int = 1000, *, patient: bool = False
    ) -> None:
        """``most``: fixes that one turn may read; ``patient``: the rest of a turn that
        was cut waits for the next group."""
        self.fixes: dict[datetime, Sample] = {}
        self.known = Known(1, None, EMPTY, False)
        self.checkpoints: dict[datetime, str] = {}
        self.stored: dict[UUID, Stored] = {}
        self.jumps: set[datetime] = set()
        self.revisions: list[Stored] = []
        self.stopped_at: datetime | None = None
        self.rest: Due | None = None
        self.turns = 0
        self._latest_age = latest_age
        self._most = most
        self._patient = patient

    def take(self, group: Sequence[Sample]) -> None:
        """Store a group of fixes and evaluate them."""
        for sample in group:
            self.fixes[sample.time] = sample
        times = [sample.time for sample in group]
        self._turn(Due(1, min(times), max(times)))
        if not self._patient:
            self.finish()

    def finish(self) -> None:
        """Evaluate what is left."""
        while self.rest is not None:
            self._turn(self.rest)

    def _turn(self, due: Due) -> None:
        if self.rest is not None:
            due = Due(
                1,
                min(due.from_time, self.rest.from_time),
                max(due.to_time, self.rest.to_time),
            )
        self.rest = None
        window = window_of(
            due, self.known, sorted(self.checkpoints.items()), self._latest_age
        )
        if window is None:
            return
        self.turns += 1
        turn = Turn(window, RULES)
        left = self._most
        while not turn.is_over and left > 0:
            # In parts of two.
            part = [
                self.fixes[time]
                for time in sorted(self.fixes)
                if turn.begin <= time <= window.end
            ][:2]
            jumps = self.jumps.intersection(sample.time for sample in part)
            turn.take(part, jumps, FENCES, is_last=len(part) < 2)
            left -= 2
        open_ = [
            item
            for item in self.stored.values()
            if item.fact.settled_at is None or item.fact.settled_at >= window.begin
        ]
        done = turn.end(open_)
        self.rest = done.rest
        self.stopped_at = done.stopped_at
        self.known = Known(1, done.seen_until, done.state, done.silent)
        for hour in list(self.checkpoints):
            if hour >= window.begin and not (
                done.stopped_at and hour >= done.stopped_at
            ):
                del self.checkpoints[hour]
        self.checkpoints.update(done.checkpoints)
        self.jumps ^= done.turned_jumps
        for change in done.changes:
            self.revisions.append(change)
            if change.retracted:
                del self.stored[change.uuid]
            else:
                self.stored[change.uuid] = change

    def facts(self) -> list[Fact]:
        """The facts that stand."""
        return sorted((item.fact for item in self.stored.values()), key=_key)

    def of(self, kind: Kind) -> list[Stored]:
        """The facts of one kind, in order."""
        found = [item for item in self.stored.values() if item.fact.kind is kind]
        return sorted(found, key=lambda item: item.fact.started_at)

    def only(self, kind: Kind) -> Stored:
        """The only one."""
        (item,) = self.of(kind)
        return item


def _key(fact: Fact) -> tuple[str, str, datetime]:
    return fact.kind, fact.subject, fact.started_at


def folded(samples: Sequence[Sample]) -> Fold:
    """One fold over everything, in order."""
    fold = Fold(State(), RULES, FENCES)
    for sample in sorted(samples, key=lambda sample: sample.time):
        fold.take(sample)
    return fold


def in_order(samples: Sequence[Sample]) -> list[Fact]:
    """The facts of one fold over everything."""
    fold = folded(samples)
    return sorted([*fold.ended, *fold.lasting()], key=_key)


@st.composite
def drives(draw: st.DrawFn) -> list[Sample]:
    """Fixes over some hours: rests, drives, pauses, jumps, an ignition that is told now
    and then, and a change of vehicle."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from([10, 30, 60, 1500, 4000]),
                st.sampled_from(
                    [0, 0, 0, 20, -20, 200, -200, 2000, -1900, 900_000, 901_000]
                ),
                st.sampled_from([None, 0.0, 0.5, 15.0, 24.0, 30.0]),
                st.sampled_from([None, True, True, False]),
                st.sampled_from(["MH1"] * 9 + ["MH2"]),
            ),
            min_size=1,
            max_size=25,
        )
    )
    seconds, east = 0, 0
    samples = []
    for pause, moved, speed, ignition, vehicle in steps:
        seconds += pause
        east += moved if moved < 900_000 else 0
        place = east if moved < 900_000 else moved
        samples.append(
            at(seconds, place, speed=speed, ignition=ignition, vehicle=vehicle)
        )
    return samples


@given(drives(), st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_order_and_grouping_gives_the_same_facts(
    samples: list[Sample], random: Random, size: int
) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)
    memory = Memory()
    for start in range(0, len(shuffled), size):
        memory.take(shuffled[start : start + size])
    assert memory.facts() == in_order(samples)
    assert memory.jumps == folded(samples).jumps


@given(
    drives(),
    st.randoms(use_true_random=False),
    st.integers(1, 6),
    st.integers(1, 9),
    st.booleans(),
)
def test_any_cut_of_the_turns_gives_the_same_facts(
    samples: list[Sample], random: Random, size: int, most: int, patient: bool
) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)
    memory = Memory(most=most, patient=patient)
    for start in range(0, len(shuffled), size):
        memory.take(shuffled[start : start + size])
    memory.finish()
    assert memory.facts() == in_order(samples)
    assert memory.jumps == folded(samples).jumps


def test_a_cut_leaves_a_fact_that_lasts_across_it_as_it_is() -> None:
    rest = [at(60 * minute) for minute in range(1, 60)]
    drive = [at(0, -900), *rest, at(4000, 900)]
    memory = Memory(most=10)
    memory.take(drive)
    stop = memory.only(Kind.STOP)
    memory.take([at(30, -450)])
    assert memory.turns > 12
    assert memory.only(Kind.STOP) == stop


def test_a_cut_opens_a_fact_again_that_ends_after_it() -> None:
    parked = [at(60 * minute) for minute in range(60)]
    memory = Memory(most=10)
    # Left for a minute, as far as anybody can tell; and a jump by what comes late.
    memory.take([*parked[:5], at(250, 90_000), at(3600 * 9, 90_000)])
    stop = memory.only(Kind.STOP)
    memory.take([at(245, 0), *parked[5:]])
    assert memory.facts() == in_order(list(memory.fixes.values()))
    assert stop.uuid in {item.uuid for item in memory.of(Kind.STOP)}


@given(drives(), st.randoms(use_true_random=False))
def test_every_change_of_a_fact_counts_its_revision_up_by_one(
    samples: list[Sample], random: Random
) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)
    memory = Memory()
    for sample in shuffled:
        memory.take([sample])
    seen: dict[UUID, Stored] = {}
    for change in memory.revisions:
        before = seen.get(change.uuid)
        assert change.revision == (before.revision + 1 if before else 1)
        assert before is None or not before.retracted
        assert before is None or change.retracted or change.fact != before.fact
        seen[change.uuid] = change


@given(drives())
def test_the_same_fixes_again_change_nothing(samples: list[Sample]) -> None:
    memory = Memory()
    memory.take(samples)
    before = list(memory.revisions)
    memory.take(samples)
    memory.take(samples[:1])
    assert memory.revisions == before


def long_drive() -> list[Sample]:
    """Ten hours, a fix every minute, five minutes of rest each half hour."""
    east, samples = 0, []
    for minute in range(600):
        east += 0 if minute % 30 < 5 else 800
        samples.append(at(60 * minute, east))
    return samples


def test_a_late_fix_is_folded_only_until_nothing_differs_any_more() -> None:
    memory = Memory()
    drive = long_drive()
    late = drive.pop(200)
    memory.take(drive)
    states = dict(memory.checkpoints)
    memory.take([late])
    assert memory.facts() == in_order([*drive, late])
    assert states == memory.checkpoints
    assert memory.stopped_at == after(4 * 3600)


def test_a_late_fix_that_splits_a_stop_keeps_its_identity_for_the_first_part() -> None:
    memory = Memory()
    memory.take([at(0), at(100), at(200), at(300), at(400), at(500, 900)])
    stop = memory.only(Kind.STOP)
    memory.take([at(250, 500)])
    first, second = memory.of(Kind.STOP)
    assert (first.uuid, first.revision) == (stop.uuid, stop.revision + 1)
    assert (first.fact.ended_at, second.fact.started_at) == (after(250), after(300))
    assert second.revision == 1


def test_a_late_fix_that_fills_a_silence_retracts_it() -> None:
    memory = Memory()
    memory.take([at(0), at(2000, 9000)])
    silence = memory.only(Kind.SILENCE)
    memory.take([at(1000, 4000)])
    assert not memory.of(Kind.SILENCE)
    gone = Stored(silence.uuid, silence.revision + 1, silence.fact, retracted=True)
    assert gone in memory.revisions


def test_an_hour_that_begins_with_a_jump_is_gone_back_to_before_it() -> None:
    hour = [at(3700, 900_000), at(3710, 900_000), at(3720)]
    late = [at(3690, 900_000), at(10), at(3705, 900_000)]
    memory = Memory()
    for sample in [at(0), *hour, *late]:
        memory.take([sample])
    assert memory.jumps == folded([at(0), *hour, *late]).jumps


def test_a_late_fix_tells_which_side_of_a_jump_was_wrong() -> None:
    memory = Memory()
    memory.take([at(0), at(10, 100_000)])
    assert memory.jumps == {after(10)}
    memory.take([at(-10, 100_000)])
    assert memory.jumps == {after(0)}


def test_a_fix_later_than_allowed_changes_no_fact() -> None:
    memory = Memory(latest_age=timedelta(hours=1))
    memory.take([at(0), at(20_000, 90_000)])
    before = memory.facts()
    memory.take([at(10_000, 40_000)])
    assert memory.facts() == before


def test_reconciling_prefers_the_fact_with_the_same_beginning() -> None:
    def stop(start: float, end: float | None) -> Fact:
        ended = None if end is None else after(end)
        return Fact(
            kind=Kind.STOP,
            vehicle_identifier="MH1",
            started_at=after(start),
            ended_at=ended,
            settled_at=ended,
            latitude=1,
            longitude=2,
        )

    one, two = UUID(int=1), UUID(int=2)
    stored = [Stored(one, 3, stop(0, 100)), Stored(two, 1, stop(50, None))]
    assert reconcile(stored, [stop(50, 90), stop(10, 40)]) == [
        Stored(two, 2, stop(50, 90)),
        Stored(one, 4, stop(10, 40)),
    ]
