"""What a run prints: a line for each check, what ran where, the closing lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from devtools.checks.check import Kind, Result, Status
from devtools.checks.runner import totals
from devtools.processes import last_lines

TAIL_LINES = 40


class Printer:
    """Prints each result as it comes.

    :param count: of all checks that will run.
    """

    def __init__(self, stream: TextIO, count: int, width: int) -> None:
        self._stream = stream
        self._count = count
        self._width = width
        self._shown = 0

    def show(self, result: Result) -> None:
        """One line, and the end of the log of a failed check."""
        self._shown += 1
        outcome = result.outcome
        number = f"[{self._shown}/{self._count}]"
        line = f"{number:>8} {result.check.name:{self._width}}  "
        line += f"{outcome.status.value:11} {result.seconds:6.1f} s  {outcome.note}"
        self.lines([line.rstrip()])
        if result.failed and result.log.is_file():
            self.lines([f"    | {text}" for text in last_lines(result.log, TAIL_LINES)])
            self.lines([f"    (all of it: {result.log})"])

    def lines(self, lines: Sequence[str]) -> None:
        """Print lines at once."""
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()


def closing_lines(results: Sequence[Result]) -> Iterator[str]:
    """Skips, what was not checked, what failed; the counts are the last line, alone."""
    for result in results:
        for skip in result.outcome.skipped:
            yield f"skipped, reviewed: {result.check.name}: {skip}"
    yield from _unchecked(results)
    failures = [result.check.name for result in results if result.failed]
    if failures:
        yield f"failed: {', '.join(failures)}"
    yield from counts(results)


def counts(results: Sequence[Result]) -> list[str]:
    """The counts as the last line; in front of it how many checks did not look."""
    outcomes = [result.outcome for result in results]
    unchecked = sum(outcome.status is Status.NOT_CHECKED for outcome in outcomes)
    passed, failed = totals(outcomes)
    told = [f"{unchecked} of {len(outcomes)} checks NOT CHECKED"] if unchecked else []
    return [*told, f"{passed} passed, {failed} failed"]


def _unchecked(results: Sequence[Result]) -> Iterator[str]:
    """One line for each reason why something could not be looked at."""
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for result in results:
        if result.outcome.status is Status.NOT_CHECKED:
            audit = result.check.kind is Kind.AUDIT
            what = "dependency audit" if audit else result.check.name
            # The number of packages differs from lock to lock, the reason does not.
            reason = result.outcome.note.partition(" (")[0]
            components = reasons.setdefault((what, reason), {})
            components[result.check.component] = None
    for (what, reason), components in reasons.items():
        yield f"{what} NOT CHECKED ({', '.join(components)}: {reason})"
