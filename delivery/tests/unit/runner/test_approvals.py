"""Who answers the gate in a local run."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import pytest

from delivery.pipeline.approval import Decision, Inbox, Request, check
from delivery.runner.approvals import Approver, Scripted, Terminal, answering, describe

LEADS = ("project-lead", "devops-lead")


class Person:
    """Somebody at a terminal: a pipe they type into, and what they are shown."""

    def __init__(self) -> None:
        self._reading, self._typing = os.pipe()
        self.shown = io.StringIO()
        self.terminal = Terminal(LEADS, self._reading, self.shown)

    def types(self, text: str) -> None:
        """Type, before or while being asked."""
        os.write(self._typing, text.encode())

    def leaves(self) -> None:
        """Close the terminal."""
        os.close(self._typing)

    def closes(self) -> None:
        """Give the pipe back."""
        os.close(self._reading)


@pytest.fixture
def person() -> Iterator[Person]:
    """A person who has not typed anything."""
    somebody = Person()
    yield somebody
    somebody.closes()


def decide(approver: Approver, request: Request, folder: Path) -> Decision:
    """Let the gate wait for the approver's decision, and take it."""
    inbox = Inbox(folder)
    with answering(folder, request.run, approver):
        inbox.ask(request)
        return wait_for(lambda: inbox.verify(request, LEADS), folder)


def wait_for(take: Callable[[], Decision], folder: Path) -> Decision:
    """Take the decision once it lies there."""
    pause = Event()
    for _ in range(200):
        if list(folder.glob("*/*/decision.json")):
            return take()
        pause.wait(0.05)
    raise AssertionError("nobody decided")


def test_a_script_approves_and_that_is_recorded(
    request_: Request, tmp_path: Path
) -> None:
    decision = decide(Scripted("devops-lead"), request_, tmp_path)
    assert decision.by == "devops-lead"
    assert decision.scripted


def test_a_person_is_shown_what_they_decide_about(
    request_: Request, tmp_path: Path, person: Person
) -> None:
    person.types("project-lead\nyes\n")
    decision = decide(person.terminal, request_, tmp_path)
    assert (decision.by, decision.scripted) == ("project-lead", False)
    shown = person.shown.getvalue()
    for fact in (request_.digest, request_.commit, "alice", "unchecked   image"):
        assert fact in shown


@pytest.mark.parametrize(
    ("kind", "said"),
    [("release", "nothing: every gate looked"), ("rollback", "no gate runs")],
)
def test_what_was_not_checked_is_never_left_open(
    request_: Request, kind: str, said: str
) -> None:
    asked = replace(request_, kind=kind, unchecked=())
    assert f"unchecked   {said}" in describe(asked)


def test_no_is_a_rejection(request_: Request, person: Person) -> None:
    person.types("project-lead\nno\n")
    decision = person.terminal(request_, Event())
    assert decision is not None
    assert decision.decision == "rejected"


def test_only_a_listed_approver_who_did_not_start_the_run_can_answer(
    request_: Request, person: Person
) -> None:
    asked = replace(request_, actor="devops-lead")
    person.types("bob\ndevops-lead\nproject-lead\nperhaps\nyes\n")
    decision = person.terminal(asked, Event())
    assert decision is not None
    assert check(asked, json.dumps(asdict(decision)), LEADS).by == "project-lead"
    shown = person.shown.getvalue()
    assert shown.count("answer one of: project-lead\n") == 2
    assert "answer one of: yes, no" in shown


def test_a_gate_that_gave_up_asks_no_longer(request_: Request, person: Person) -> None:
    over = Event()
    over.set()
    assert person.terminal(request_, over) is None


@pytest.mark.parametrize("typed", ["", "project-lead\n"])
def test_a_terminal_that_is_gone_decides_nothing(
    request_: Request, person: Person, typed: str
) -> None:
    person.types(typed)
    person.leaves()
    assert person.terminal(request_, Event()) is None


def test_without_an_approver_the_request_waits(
    request_: Request, tmp_path: Path
) -> None:
    inbox = Inbox(tmp_path)
    with answering(tmp_path, request_.run, None):
        inbox.ask(request_)
    assert inbox.pending(request_.run) == [request_]


def test_a_decision_that_comes_second_does_not_count(
    request_: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = Inbox(tmp_path)

    def slow(request: Request, over: Event) -> Decision:
        inbox.decide(request, Scripted("project-lead", "rejected")(request, over))
        return Scripted("devops-lead")(request, over)

    with pytest.raises(Exception, match="project-lead decided rejected"):
        decide(slow, request_, tmp_path)
    assert "does not count" in capsys.readouterr().err
