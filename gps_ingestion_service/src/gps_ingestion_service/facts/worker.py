"""The loop that brings the facts up to date with the fixes.

A commit of fixes leaves a note of what is due. One pass takes notes, folds the fixes
and stores what changed, in one transaction: a crash takes all of it back, and the notes
are there again. Every replica works; a device is locked by the one that has it.

A pass reads so many fixes and no more, whatever the notes stand for: a turn that needs
more is cut, and its rest noted. After a pass that failed the next one takes on less,
and a device that fails by itself is set aside.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gps_ingestion_service.database import Database, Executor, is_outage
from gps_ingestion_service.facts import parked, repository
from gps_ingestion_service.facts.evaluate import (
    Due,
    Evaluation,
    Known,
    Turn,
    Window,
    fall_silent,
    window_of,
)
from gps_ingestion_service.facts.model import Rules, Sample
from gps_ingestion_service.facts.reconcile import Stored
from gps_ingestion_service.facts.repository import Fixes
from gps_ingestion_service.geofences import repository as geofences
from gps_ingestion_service.geofences.index import FenceIndex
from gps_ingestion_service.observability.metrics import Metrics
from gps_ingestion_service.trips import intervals
from gps_ingestion_service.trips.review import TripReview
from gps_ingestion_service.trips.telling import ended_during, spans, tell_open

_NOTES_A_PASS = 2000
_FIXES_A_PASS = 20_000
_LEAST_FIXES_A_TURN = 10
_SILENT_A_PASS = 500
_SILENCE_EVERY_S = 10.0
_RETRY_AFTER_S = 5.0
_SHRINK = 8

log = structlog.stdlib.get_logger(__name__)


class FactWorker:
    """Evaluates what is due, every ``interval_s``; ``fixes_a_pass``: about so many are
    read in one transaction."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        rules: Rules,
        interval_s: float,
        latest_age: timedelta,
        fixes_a_pass: int = _FIXES_A_PASS,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._rules = rules
        self._interval_s = interval_s
        self._latest_age = latest_age
        self._fixes_a_pass = fixes_a_pass
        self._notes = _NOTES_A_PASS
        self._claimed: Sequence[Due] = ()
        self._review = TripReview(metrics)
        self._silence_at = 0.0
        self._fences = FenceIndex()
        self._fence_changes = 0

    async def run(self) -> None:
        """Keep the facts up to date. Runs until cancelled."""
        while True:
            await asyncio.sleep(await self.work())

    async def work(self) -> float:
        """Do all that is due; the seconds until the next time."""
        try:
            async with self._database.query() as connection:
                await parked.note_again(connection)
                while await self._pass(connection):
                    self._notes = min(2 * self._notes, _NOTES_A_PASS)
                while await self._review.one(connection):
                    pass
                await self._listen_for_silence(connection)
        except Exception as error:
            cause = error.__cause__ or error
            await self._take_on_less(f"{type(cause).__name__}: {cause}")
            if not is_outage(error):
                raise
            log.warning("facts_not_evaluated", error=type(cause).__name__)
            return _RETRY_AFTER_S
        return self._interval_s

    async def _take_on_less(self, reason: str) -> None:
        """A pass has failed: find out with whom, and set that device aside."""
        claimed, self._claimed = self._claimed, ()
        if not claimed:
            return
        if len(claimed) > 1 or self._notes > 1:
            self._notes = max(1, self._notes // _SHRINK)
            return
        try:
            async with self._database.query() as connection, connection.transaction():
                due = await repository.claim_of(connection, claimed[0].device)
                await self._park(connection, [(item, reason) for item in due])
        except Exception as error:
            # Then it was the database, and not the device.
            if not is_outage(error):
                raise

    async def _park(
        self, connection: Executor, failed: Sequence[tuple[Due, str]]
    ) -> None:
        if failed:
            await parked.park(connection, failed)
            self._metrics.facts_failed.inc(len(failed))
        for due, reason in failed:
            log.error("facts_parked", device=due.device, reason=reason)

    async def _pass(self, connection: Executor) -> bool:
        """Take a share of what is due; False where nothing was."""
        # Outside of the transaction, whose locks others wait for.
        await self._load_fences(connection)
        async with connection.transaction():
            notes, fixes = self._notes, self._fixes_a_pass
            claimed = await repository.claim(connection, notes, fixes)
            if not claimed:
                return False
            self._claimed = claimed
            due = await parked.hold_back(connection, claimed)
            windows = await self._windows(connection, due) if due else []
            if windows:
                await self._evaluate(connection, due, windows)
        self._claimed = ()
        return True

    async def _windows(self, connection: Executor, due: Sequence[Due]) -> list[Window]:
        locked = await repository.lock(connection, [item.device for item in due])
        known = {item.device: item for item in locked}
        pairs = [(item, known[item.device]) for item in due if item.device in known]
        late = [item.device for item, state in pairs if _is_late(item, state)]
        checkpoints = await repository.checkpoints(connection, late) if late else {}
        self._metrics.facts_late.inc(len(late))
        windows = [
            window_of(item, state, checkpoints.get(item.device, []), self._latest_age)
            for item, state in pairs
        ]
        return [window for window in windows if window is not None]

    async def _evaluate(
        self, connection: Executor, due: Sequence[Due], windows: Sequence[Window]
    ) -> None:
        failed: dict[int, str] = {}
        turns, ended = await self._fold(connection, windows, failed)
        stored = await repository.unsettled(connection, windows)
        # Beside the event loop, as what is folded: it may be many thousand fixes.
        evaluations = await asyncio.to_thread(self._end, turns, stored, failed)
        await self._save(connection, evaluations)
        changes = await tell_open(connection, _newest(evaluations))
        await self._save_facts(connection, changes)
        await intervals.note(connection, ended)
        await repository.note(
            connection,
            [item.rest for item in evaluations if item.rest is not None],
            self._fixes_a_pass // _LEAST_FIXES_A_TURN,
        )
        await parked.release(
            connection, [item.window.known.device for item in evaluations]
        )
        by_device = {item.device: item for item in due}
        await self._park(
            connection,
            [(by_device[device], reason) for device, reason in failed.items()],
        )
        await self._flag_jumps(connection, evaluations)

    async def _fold(
        self,
        connection: Executor,
        windows: Sequence[Window],
        failed: dict[int, str],
    ) -> tuple[list[Turn], set[int]]:
        """Read and fold the fixes of the windows, part by part, while there is room in
        this pass; the turns, and the ended trips that new fixes are of."""
        turns, ended = [], set()
        for window in windows:
            try:
                turns.append(Turn(window, self._rules))
            except Exception as error:
                self._fail(window, error, failed)
        left = self._fixes_a_pass
        going_on = turns
        while going_on and left > 0:
            limit = max(_LEAST_FIXES_A_TURN, left // len(going_on))
            fixes = await repository.fixes(connection, going_on, limit)
            asked = [span for part in fixes.values() for span in spans(part.samples)]
            trips = await intervals.during(connection, asked)
            fences = (await self._load_fences(connection)).with_vehicles(
                fence for trip in trips for fence in trip.fences()
            )
            await asyncio.to_thread(self._take, going_on, fixes, limit, fences, failed)
            for turn in going_on:
                part = fixes.get(turn.window.known.device)
                if part is not None:
                    ended |= ended_during(trips, _new(turn.window, part))
            left -= sum(len(part.samples) for part in fixes.values())
            going_on = [
                turn
                for turn in going_on
                if not turn.is_over and turn.window.known.device not in failed
            ]
        return turns, ended

    def _take(
        self,
        turns: Sequence[Turn],
        fixes: Mapping[int, Fixes],
        limit: int,
        fences: FenceIndex,
        failed: dict[int, str],
    ) -> None:
        for turn in turns:
            part = fixes.get(turn.window.known.device, Fixes([], []))
            is_last = len(part.samples) < limit
            try:
                turn.take(part.samples, part.jumps, fences, is_last=is_last)
            except Exception as error:
                self._fail(turn.window, error, failed)

    def _end(
        self,
        turns: Sequence[Turn],
        stored: Mapping[int, Sequence[Stored]],
        failed: dict[int, str],
    ) -> list[Evaluation]:
        evaluations = []
        for turn in turns:
            device = turn.window.known.device
            if device in failed:
                continue
            try:
                evaluations.append(turn.end(stored.get(device, ())))
            except Exception as error:
                self._fail(turn.window, error, failed)
        return evaluations

    def _fail(self, window: Window, error: Exception, failed: dict[int, str]) -> None:
        """One device must not keep the others waiting for ever."""
        device = window.known.device
        failed[device] = f"{type(error).__name__}: {error}"
        log.exception("facts_failed", device=device)

    async def _load_fences(self, connection: Executor) -> FenceIndex:
        """The geofences for all vehicles; read again only where one has changed."""
        changes = await geofences.changes(connection)
        if changes != self._fence_changes:
            records = await geofences.load_all(connection)
            self._fences = await asyncio.to_thread(geofences.index_of, records)
            self._fence_changes = changes
        return self._fences

    async def _save(
        self, connection: Executor, evaluations: Sequence[Evaluation]
    ) -> None:
        await repository.save_states(connection, evaluations)
        await repository.save_checkpoints(connection, evaluations, self._latest_age)
        await self._save_facts(
            connection,
            [
                (item.window.known.device, change)
                for item in evaluations
                for change in item.changes
            ],
        )

    async def _save_facts(
        self, connection: Executor, changes: Sequence[tuple[int, Stored]]
    ) -> None:
        await repository.save_facts(connection, changes)
        for _, change in changes:
            outcome = "retracted" if change.retracted else "changed"
            if change.revision == 1:
                outcome = "new"
            self._metrics.facts.labels(change.fact.kind, outcome).inc()

    async def _flag_jumps(
        self, connection: Executor, evaluations: Sequence[Evaluation]
    ) -> None:
        """Say with the fixes which of them are impossible jumps."""
        await repository.turn_jumps(
            connection,
            [
                (item.window.known.device, time)
                for item in evaluations
                for time in item.turned_jumps
            ],
        )
        found = sum(len(item.turned_jumps & item.jumps) for item in evaluations)
        if found:
            self._metrics.flagged.labels("impossible_jump").inc(found)

    async def _listen_for_silence(self, connection: Executor) -> None:
        """Now and then: it takes a look at every device."""
        if time.monotonic() < self._silence_at:
            return
        self._silence_at = time.monotonic() + _SILENCE_EVERY_S
        since = datetime.now(UTC) - self._rules.silence
        async with connection.transaction():
            silent = await repository.lock_silent(connection, since, _SILENT_A_PASS)
            if not silent:
                return
            await repository.save_silent(connection, [item.device for item in silent])
            changes = [
                (known.device, change)
                for known in silent
                for change in fall_silent(known)
            ]
            await self._save_facts(connection, changes)


def _newest(evaluations: Iterable[Evaluation]) -> dict[str, tuple[int, Sample]]:
    """The last fix of each vehicle, and its device."""
    newest: dict[str, tuple[int, Sample]] = {}
    for item in evaluations:
        last = item.last
        if last is None:
            continue
        known = newest.get(last.vehicle_identifier)
        if known is None or known[1].time < last.time:
            newest[last.vehicle_identifier] = (item.window.known.device, last)
    return newest


def _new(window: Window, part: Fixes) -> list[Sample]:
    return [sample for sample in part.samples if sample.time <= window.settled_from]


def _is_late(due: Due, known: Known) -> bool:
    return known.seen_until is not None and due.from_time <= known.seen_until
