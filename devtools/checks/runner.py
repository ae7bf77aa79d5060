"""Runs checks side by side, as far as they do not need one another."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from devtools.checks.check import Check, Outcome, Result, Status, failed
from devtools.commands import running
from devtools.errors import DevtoolsError

# A heavy check keeps a core busy, the light ones fill what it leaves.
CORES = os.cpu_count() or 2


class Runner:
    """One run of a set of checks: a failure stops only what needs what failed.

    :param reports: folder for the logs.
    :param show: told each result as it comes.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        reports: Path,
        show: Callable[[Result], None],
        cores: int = CORES,
    ) -> None:
        self._waiting = list(checks)
        self._reports = reports
        self._show = show
        self._cores = cores
        self._running: dict[Future[Result], Check] = {}
        self._done: dict[str, Result] = {}

    def run(self) -> list[Result]:
        """Run all checks; answers their results in the order they ended."""
        self._reports.mkdir(parents=True, exist_ok=True)
        for check in self._waiting:
            # What an earlier run left must not be taken for this one's.
            self._log(check).unlink(missing_ok=True)
        with ThreadPoolExecutor(self._cores + 1) as pool:
            try:
                self._loop(pool)
            except BaseException:
                # The pool waits for its threads, and those for what they run.
                self._waiting.clear()
                running.end_all()
                raise
        return list(self._done.values())

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        while self._waiting or self._running:
            self._refuse_hopeless()
            for check in self._startable():
                self._waiting.remove(check)
                self._running[pool.submit(self._perform, check)] = check
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                self._running.pop(future)
                self._finish(future.result())

    def _startable(self) -> list[Check]:
        """Checks to start now, in their order, within what the cores can do."""
        room = self._cores + 1 - len(self._running)
        heavy = self._cores - sum(check.heavy for check in self._running.values())
        chosen: list[Check] = []
        for check in self._waiting:
            if not all(need in self._done for need in check.needs):
                continue
            if len(chosen) < room and (heavy > 0 or not check.heavy):
                chosen.append(check)
                heavy -= check.heavy
        return chosen

    def _refuse_hopeless(self) -> None:
        """End checks that need one that failed, and those that need them."""
        for check in list(self._waiting):
            broken = [
                need
                for need in check.needs
                if need in self._done and self._done[need].failed
            ]
            if broken:
                self._waiting.remove(check)
                outcome = failed(f"did not run, it needs: {', '.join(broken)}")
                self._finish(Result(check, outcome, 0.0, self._log(check)))
                return self._refuse_hopeless()

    def _perform(self, check: Check) -> Result:
        log = self._log(check)
        start = time.monotonic()
        try:
            outcome = check.action(log)
        except DevtoolsError as error:
            _append(log, (*error.details, str(error)))
            outcome = failed(error.message)
        except Exception as error:
            # A check that breaks down must not hide what the others find.
            _append(log, traceback.format_exc().splitlines())
            outcome = failed(f"broke down: {error}")
        return Result(check, outcome, time.monotonic() - start, log)

    def _finish(self, result: Result) -> None:
        self._done[result.check.name] = result
        self._show(result)

    def _log(self, check: Check) -> Path:
        return self._reports / f"{check.file_name}.log"


def exit_status(results: Sequence[Result]) -> int:
    """0 when something passed and nothing failed."""
    passed = any(result.outcome.status is Status.PASSED for result in results)
    return 1 if any(result.failed for result in results) or not passed else 0


def totals(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Passed and failed, tests and checks counted together."""
    passed = sum(outcome.tests_passed for outcome in outcomes)
    failures = sum(outcome.tests_failed for outcome in outcomes)
    passed += sum(outcome.status is Status.PASSED for outcome in outcomes)
    failures += sum(outcome.status is Status.FAILED for outcome in outcomes)
    return passed, failures


def _append(log: Path, lines: Sequence[str]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
