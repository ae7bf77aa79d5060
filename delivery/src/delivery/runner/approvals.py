"""Who answers when Production Approval asks, in a run on this machine."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Protocol, TextIO

from delivery.pipeline.approval import APPROVED, Decision, Inbox, Request
from delivery.pipeline.errors import StepError

#: Between two looks into the inbox, or at whether the run is over.
POLL_S = 0.3
REJECTED = "rejected"
#: The kind of a request whose run has neither checks nor scans.
ROLLBACK = "rollback"


class Approver(Protocol):
    """Decides about one request."""

    def __call__(self, request: Request, over: Event) -> Decision | None:
        """The decision; None when ``over`` was set before there was one."""
        ...


@contextmanager
def answering(inbox: Path, run_id: str, approver: Approver | None) -> Iterator[None]:
    """Let ``approver`` decide about whatever the run asks, until the block ends."""
    if approver is None:
        yield
        return
    over = Event()
    worker = Thread(
        target=_answer, args=(Inbox(inbox), run_id, approver, over), daemon=True
    )
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()


def _answer(inbox: Inbox, run_id: str, approver: Approver, over: Event) -> None:
    while not over.wait(POLL_S):
        for request in inbox.pending(run_id):
            decision = approver(request, over)
            if decision is None:
                return
            try:
                inbox.decide(request, decision)
            except StepError as error:
                print(f"this decision does not count: {error}", file=sys.stderr)


def decision(
    request: Request, by: str, answer: str, comment: str = "", scripted: bool = False
) -> Decision:
    """The decision ``answer`` of ``by`` about this very request."""
    return Decision(
        by=by,
        decision=answer,
        digest=request.digest,
        request=request.fingerprint,
        comment=comment,
        scripted=scripted,
    )


@dataclass(frozen=True)
class Scripted:
    """Says yes, or no, in the name of ``by``; recorded as scripted."""

    by: str
    answer: str = APPROVED

    def __call__(self, request: Request, over: Event) -> Decision:
        """The decision, at once."""
        return decision(request, self.by, self.answer, scripted=True)


@dataclass
class Terminal:
    """Asks a person at the terminal who they are and what they decide.

    :param approvers: who may decide.
    :param keyboard: file descriptor of what they type.
    """

    approvers: tuple[str, ...]
    keyboard: int
    out: TextIO
    _typed: bytes = b""

    def __call__(self, request: Request, over: Event) -> Decision | None:
        """Ask until there is an answer, or the run is over."""
        self._say(f"\n{describe(request)}\n")
        names = [name for name in self.approvers if name != request.actor]
        by = self._ask(f"Who are you? [{' / '.join(names)}] ", names, over)
        if by is None:
            return None
        word = self._ask("Approve? [yes / no] ", ["yes", "no"], over)
        if word is None:
            return None
        return decision(request, by, APPROVED if word == "yes" else REJECTED)

    def _ask(self, question: str, answers: list[str], over: Event) -> str | None:
        while True:
            self._say(question)
            line = self._read(over)
            if line is None:
                return None
            if line.strip() in answers:
                return line.strip()
            self._say(f"  answer one of: {', '.join(answers)}\n")

    def _read(self, over: Event) -> str | None:
        """The next line; None once the run is over or the terminal is gone."""
        while b"\n" not in self._typed:
            while not select.select([self.keyboard], [], [], POLL_S)[0]:
                if over.is_set():
                    return None
            typed = os.read(self.keyboard, 4096)
            if not typed:
                return None
            self._typed += typed
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")

    def _say(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def describe(request: Request) -> str:
    """What is asked, in words."""
    gates = "no gate runs" if request.kind == ROLLBACK else "nothing: every gate looked"
    return "\n".join(
        (
            f"  PRODUCTION APPROVAL  {request.kind} of {request.component}",
            f"    digest      {request.digest}",
            f"    commit      {request.commit}",
            f"    started by  {request.actor}, run {request.run}",
            f"    unchecked   {', '.join(request.unchecked) or gates}",
        )
    )
