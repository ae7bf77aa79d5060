"""What a sequence of fixes means: each kind of fact, from its first fix to its last."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from support.driving import after, at

from gps_ingestion_service.facts.fold import Fold, State, decode, encode
from gps_ingestion_service.facts.model import Fact, Kind, Rules, Sample

RULES = Rules()


def facts_of(samples: Iterable[Sample], kind: Kind, rules: Rules = RULES) -> list[Fact]:
    """The facts of one kind, those that have ended first."""
    fold = Fold(State(), rules)
    for sample in samples:
        fold.take(sample)
    return [fact for fact in [*fold.ended, *fold.lasting()] if fact.kind is kind]


def only(samples: Iterable[Sample], kind: Kind) -> Fact:
    (fact,) = facts_of(samples, kind)
    return fact


def test_a_stop_begins_where_the_vehicle_came_to_rest() -> None:
    drive = [at(0, 0), at(10, 150), at(20, 300), at(210, 320), at(230, 500)]
    fact = only(drive, Kind.STOP)
    assert (fact.started_at, fact.ended_at) == (after(20), after(230))
    assert (fact.latitude, fact.longitude) == (drive[2].latitude, drive[2].longitude)
    assert fact.vehicle_identifier == "MH1"


def test_a_stop_is_a_fact_while_it_lasts() -> None:
    fact = only([at(0), at(100), at(180)], Kind.STOP)
    assert (fact.started_at, fact.ended_at, fact.settled_at) == (after(0), None, None)


def test_a_short_stop_is_none() -> None:
    assert not facts_of([at(0), at(170), at(180, 500)], Kind.STOP)


def test_a_crawl_is_no_stop() -> None:
    crawl = [at(10 * step, 30 * step) for step in range(60)]
    assert not facts_of(crawl, Kind.STOP)


def test_a_stop_that_ends_unheard_ended_as_far_as_anybody_knows() -> None:
    fact = only([at(0), at(300), at(5000, 9000)], Kind.STOP)
    assert (fact.ended_at, fact.settled_at) == (after(300), after(5000))


def test_a_stop_goes_on_through_a_silence_in_the_same_place() -> None:
    fact = only([at(0), at(300), at(20_000, 10), at(20_060, 900)], Kind.STOP)
    assert (fact.started_at, fact.ended_at) == (after(0), after(20_060))


def test_a_jump_that_nobody_can_drive_changes_nothing() -> None:
    calm = [at(0), at(100), at(200), at(260, 900)]
    jump = [*calm[:2], at(110, 200_000), *calm[2:]]
    assert facts_of(jump, Kind.STOP) == facts_of(calm, Kind.STOP) != []


def jumps_of(*samples: Sample) -> set[datetime]:
    fold = Fold(State(), RULES)
    for sample in samples:
        fold.take(sample)
    return fold.jumps


def test_a_jump_is_a_way_that_no_truck_drives_in_that_time() -> None:
    assert not jumps_of(at(0), at(100, 7_000), at(200, 14_000))
    assert jumps_of(at(0), at(100, 7_300), at(200, 14_000)) == {after(100)}


def test_what_the_receiver_says_of_its_accuracy_is_granted_to_both_ends() -> None:
    near, far = at(0, accuracy=150), at(100, 7_450, accuracy=150)
    assert not jumps_of(near, far)
    assert jumps_of(at(0, accuracy=5), far) == {after(100)}
    assert jumps_of(near, at(100, 7_450, accuracy=5)) == {after(100)}


def test_five_in_a_row_that_agree_are_believed_against_the_one_before() -> None:
    far = [at(10 * step, 500_000 + 100 * step) for step in range(1, 7)]
    assert jumps_of(at(0), *far) == {fix.time for fix in far[:4]}
    assert jumps_of(at(0), *far[:4], at(60, 100)) == {fix.time for fix in far[:4]}


def test_jumps_that_do_not_agree_with_each_other_are_never_believed() -> None:
    wild = [at(10 * step, 500_000 * (-1) ** step) for step in range(1, 9)]
    assert jumps_of(at(0), *wild) == {fix.time for fix in wild}


def test_idling_is_standing_with_the_ignition_on() -> None:
    fact = only(
        [
            at(0, speed=10, ignition=True),
            at(10, speed=0, ignition=True),
            at(200, speed=0.5, ignition=True),
            at(210, speed=0, ignition=False),
        ],
        Kind.IDLING,
    )
    assert (fact.started_at, fact.ended_at) == (after(10), after(210))


def test_without_a_speed_standing_is_told_from_the_places() -> None:
    fact = only(
        [at(10 * step, 500 if step else 0, ignition=True) for step in range(25)],
        Kind.IDLING,
    )
    assert fact.started_at == after(20)


def test_a_parked_vehicle_does_not_idle() -> None:
    assert not facts_of([at(0, speed=0, ignition=False), at(900, speed=0)], Kind.IDLING)


def test_speeding_lasts_until_the_speed_is_well_below_the_limit() -> None:
    fact = only(
        [
            at(0, speed=20),
            at(10, 200, speed=24),
            at(20, 450, speed=27.5),
            at(30, 700, speed=22),
            at(40, 900, speed=24),
            at(50, 1100, speed=20),
        ],
        Kind.SPEEDING,
    )
    assert (fact.started_at, fact.ended_at) == (after(10), after(50))
    assert fact.data == {"limit_kmh": 80.0, "fastest_kmh": 99.0}


def test_the_fastest_is_said_when_it_is_final() -> None:
    fact = only([at(0, speed=30), at(30, 900, speed=30)], Kind.SPEEDING)
    assert fact.data == {"limit_kmh": 80.0}


def test_a_single_fast_fix_is_no_speeding() -> None:
    drive = [at(0, speed=20), at(10, 200, speed=40), at(20, 400, speed=20)]
    assert not facts_of(drive, Kind.SPEEDING)


def test_speeding_does_not_go_on_through_a_silence() -> None:
    drive = [at(0, speed=30), at(30, 900, speed=30), at(3000, 9000, speed=30)]
    (fact,) = facts_of(drive, Kind.SPEEDING)
    assert (fact.started_at, fact.ended_at) == (after(0), after(30))


def test_a_silence_lies_between_two_fixes() -> None:
    fact = only([at(0), at(900), at(1801), at(1900)], Kind.SILENCE)
    assert (fact.started_at, fact.ended_at) == (after(900), after(1801))


def test_the_ignition_is_on_until_a_fix_says_otherwise() -> None:
    fact = only(
        [
            at(0, ignition=False),
            at(10, ignition=True),
            at(20, 200),
            at(30, 400, ignition=False),
        ],
        Kind.IGNITION,
    )
    assert (fact.started_at, fact.ended_at) == (after(10), after(30))


def test_a_device_that_moves_to_another_vehicle_ends_all_facts_of_the_first() -> None:
    drive = [
        at(0, ignition=True),
        at(200, ignition=True),
        at(210, ignition=True, vehicle="MH2"),
    ]
    first, second = facts_of(drive, Kind.IGNITION)
    assert (first.vehicle_identifier, first.ended_at) == ("MH1", after(200))
    assert (second.vehicle_identifier, second.started_at) == ("MH2", after(210))
    assert second.ended_at is None


def test_what_counts_as_a_fact_is_set_by_rules() -> None:
    rules = Rules(stop_min=timedelta(seconds=5), silence=timedelta(seconds=8))
    drive = [at(0), at(6), at(20)]
    assert facts_of(drive, Kind.STOP, rules)
    assert facts_of(drive, Kind.SILENCE, rules)


def test_a_state_is_the_same_after_it_was_stored() -> None:
    fold = Fold(State(), RULES)
    for sample in (at(0, speed=30, ignition=True), at(30, 900, speed=31.7)):
        fold.take(sample)
    assert decode(encode(fold.state)) == fold.state
    assert encode(decode(encode(fold.state))) == encode(fold.state)
