"""The loop that brings the facts up to date with the fixes.

A commit of fixes leaves a note of what is due. One pass takes notes, folds the fixes
and stores what changed, in one transaction: a crash takes all of it back, and the notes
are there again. Every replica works; a device is locked by the one that has it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from gps_ingestion_service.database import Database, Executor, is_outage
from gps_ingestion_service.facts import repository
from gps_ingestion_service.facts.evaluate import (
    Due,
    Evaluation,
    Known,
    Window,
    evaluate,
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
from gps_ingestion_service.trips.intervals import Interval
from gps_ingestion_service.trips.review import TripReview
from gps_ingestion_service.trips.telling import spans, tell_open

_NOTES_A_PASS = 2000
_FIXES_A_PASS = 20_000
_SILENT_A_PASS = 500
_SILENCE_EVERY_S = 10.0
_RETRY_AFTER_S = 5.0

log = structlog.stdlib.get_logger(__name__)


class FactWorker:
    """Evaluates what is due, every ``interval_s``."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        rules: Rules,
        interval_s: float,
        latest_age: timedelta,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._rules = rules
        self._interval_s = interval_s
        self._latest_age = latest_age
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
                while await self._pass(connection):
                    pass
                while await self._review.one(connection):
                    pass
                await self._listen_for_silence(connection)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning(
                "facts_not_evaluated", error=type(error.__cause__ or error).__name__
            )
            return _RETRY_AFTER_S
        return self._interval_s

    async def _pass(self, connection: Executor) -> bool:
        """Take a share of what is due; False where nothing was."""
        # Outside of the transaction, whose locks others wait for.
        await self._load_fences(connection)
        async with connection.transaction():
            due = await repository.claim(connection, _NOTES_A_PASS, _FIXES_A_PASS)
            if not due:
                return False
            windows = await self._windows(connection, due)
            if windows:
                fixes = await repository.fixes(connection, windows)
                stored = await repository.unsettled(connection, windows)
                trips = await intervals.during(
                    connection,
                    [span for found in fixes.values() for span in spans(found.samples)],
                )
                fences = await self._load_fences(connection)
                fences = fences.with_vehicles(
                    fence for trip in trips for fence in trip.fences()
                )
                # Beside the event loop: a pass may fold many thousand fixes.
                evaluations = await asyncio.to_thread(
                    self._evaluate, windows, fixes, stored, fences
                )
                await self._save(connection, evaluations)
                changes = await tell_open(connection, _newest(evaluations))
                await self._save_facts(connection, changes)
                await intervals.note(connection, _touched(windows, fixes, trips))
                await self._flag_jumps(connection, evaluations, fixes)
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

    def _evaluate(
        self,
        windows: Sequence[Window],
        fixes: Mapping[int, Fixes],
        stored: Mapping[int, Sequence[Stored]],
        fences: FenceIndex,
    ) -> list[Evaluation]:
        evaluations = []
        for window in windows:
            device = window.known.device
            try:
                evaluations.append(
                    evaluate(
                        window,
                        fixes[device].samples if device in fixes else (),
                        stored.get(device, ()),
                        self._rules,
                        fences,
                    )
                )
            except Exception:
                # One device must not keep the others waiting for ever.
                self._metrics.facts_failed.inc()
                log.exception("facts_failed", device=device)
        return evaluations

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
        self,
        connection: Executor,
        evaluations: Sequence[Evaluation],
        fixes: Mapping[int, Fixes],
    ) -> None:
        """Say with the fixes which of them are impossible jumps."""
        changes = []
        found = 0
        for item in evaluations:
            device = item.window.known.device
            stored = fixes[device].jumps if device in fixes else ()
            changed = item.changed_jumps(stored)
            changes += [(device, time) for time in changed]
            found += len(changed & item.jumps)
        await repository.turn_jumps(connection, changes)
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


def _touched(
    windows: Iterable[Window], fixes: Mapping[int, Fixes], trips: Iterable[Interval]
) -> set[int]:
    """The ended trips that new fixes are of."""
    new = [
        span
        for window in windows
        if window.known.device in fixes
        for span in spans(
            sample
            for sample in fixes[window.known.device].samples
            if sample.time <= window.settled_from
        )
    ]
    return {
        trip.id
        for trip in trips
        for vehicle, first, last in new
        if trip.ended_at is not None
        and trip.vehicle_identifier == vehicle
        and trip.overlaps(first, last)
    }


def _is_late(due: Due, known: Known) -> bool:
    return known.seen_until is not None and due.from_time <= known.seen_until
