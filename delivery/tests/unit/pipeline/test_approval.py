"""One decision, by a listed approver who is not the actor, for one digest."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from delivery.pipeline.approval import (
    Decision,
    Inbox,
    Request,
    approver_of,
    check,
    check_armed,
    read_approvers,
)
from delivery.pipeline.errors import StepError

from .conftest import DIGEST, OTHER, Clock

APPROVERS = ("project-lead", "devops-lead")
REQUEST = Request(
    environment="production",
    component="tms-odoo",
    digest=DIGEST,
    commit="c" * 40,
    run="17",
    actor="dev-alice",
    unchecked=("image",),
)


def yes(asked: Request = REQUEST, **changes: Any) -> Decision:
    decision = Decision("devops-lead", "approved", asked.digest, asked.fingerprint)
    return dataclasses.replace(decision, **changes)


def text(decision: Decision) -> str:
    return json.dumps(dataclasses.asdict(decision))


def test_a_listed_approvers_yes_counts() -> None:
    assert check(REQUEST, text(yes()), APPROVERS).by == "devops-lead"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"by": "dev-bob"}, "dev-bob may not approve production"),
        ({"digest": OTHER}, "the decision is for sha256:b2"),
        ({"request": "0" * 64}, "for another request"),
        ({"decision": "rejected", "comment": "not today"}, "not today"),
        ({"decision": "Approved"}, "decided Approved"),
    ],
)
def test_every_other_decision_is_a_no(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(StepError, match=why):
        check(REQUEST, text(yes(**changes)), APPROVERS)


def test_nobody_approves_what_they_started() -> None:
    request = dataclasses.replace(REQUEST, actor="devops-lead")
    with pytest.raises(StepError, match="started this run"):
        check(request, text(yes(request)), APPROVERS)


@pytest.mark.parametrize("answer", ["yes!", "[]", '{"by": "devops-lead"}'])
def test_a_decision_that_cannot_be_read_is_a_no(answer: str) -> None:
    with pytest.raises(StepError, match="cannot be read"):
        check(REQUEST, answer, APPROVERS)


def test_a_decision_for_the_same_image_in_another_run_does_not_count() -> None:
    later = dataclasses.replace(REQUEST, run="18")
    with pytest.raises(StepError, match="another request"):
        check(later, text(yes()), APPROVERS)


# The inbox: where the local gate waits.


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_waits_until_somebody_decides(inbox: Inbox, clock: Clock) -> None:
    def answer_after_five(now: float) -> None:
        if now == 5.0:
            (request,) = inbox.pending("17")
            inbox.decide(request, yes(request, scripted=True))

    clock.on_sleep = answer_after_five
    inbox.ask(REQUEST)
    decision = inbox.wait(REQUEST, APPROVERS, 60, clock, clock.sleep)
    assert decision.scripted
    assert clock.now == 5.0
    assert inbox.pending("17") == []
    assert inbox.verify(REQUEST, APPROVERS) == decision


def test_silence_is_a_no(inbox: Inbox, clock: Clock) -> None:
    inbox.ask(REQUEST)
    with pytest.raises(StepError, match="no decision in 60 s"):
        inbox.wait(REQUEST, APPROVERS, 60, clock, clock.sleep)


def test_an_answer_before_the_question_is_refused(inbox: Inbox) -> None:
    inbox.ask(REQUEST)
    inbox.decide(REQUEST, yes())
    with pytest.raises(StepError, match="before it was asked"):
        inbox.ask(REQUEST)


def test_a_question_is_asked_once(inbox: Inbox) -> None:
    inbox.ask(REQUEST)
    with pytest.raises(StepError, match="request.json is there already"):
        inbox.ask(dataclasses.replace(REQUEST, digest=OTHER))


def test_the_first_decision_stands(inbox: Inbox) -> None:
    inbox.ask(REQUEST)
    inbox.decide(REQUEST, yes(decision="rejected"))
    with pytest.raises(StepError, match="and stands"):
        inbox.decide(REQUEST, yes())
    with pytest.raises(StepError, match="decided rejected"):
        inbox.verify(REQUEST, APPROVERS)


def test_nothing_is_deployed_without_a_decision(inbox: Inbox) -> None:
    inbox.ask(REQUEST)
    with pytest.raises(StepError, match="nobody has decided"):
        inbox.verify(REQUEST, APPROVERS)


def test_what_is_deployed_is_what_was_asked_for(inbox: Inbox) -> None:
    inbox.ask(REQUEST)
    inbox.decide(REQUEST, yes())
    other = dataclasses.replace(REQUEST, digest=OTHER)
    with pytest.raises(StepError, match="not what is being deployed"):
        inbox.verify(other, APPROVERS)


@pytest.mark.parametrize("run", ["", "../17", ".hidden"])
def test_a_run_names_one_folder(inbox: Inbox, run: str) -> None:
    with pytest.raises(StepError, match="not a run's id"):
        inbox.pending(run)


def test_reads_who_may_approve(tmp_path: Path) -> None:
    policy = tmp_path / "approvers.json"
    policy.write_text(json.dumps({"production": {"approvers": list(APPROVERS)}}))
    assert read_approvers(policy, "production") == APPROVERS


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "{}",
        '{"production": {"approvers": []}}',
        '{"production": {"approvers": [1]}}',
    ],
)
def test_a_policy_without_approvers_is_an_error(tmp_path: Path, document: str) -> None:
    policy = tmp_path / "approvers.json"
    policy.write_text(document)
    with pytest.raises(StepError, match="names no approvers"):
        read_approvers(policy, "production")


def test_the_repositorys_policy_names_both_leads() -> None:
    policy = Path(__file__).resolve().parents[4] / ".github" / "approvers.json"
    assert read_approvers(policy, "production") == APPROVERS


# On GitHub the environment is the gate; it must exist.


def environment(**rule: Any) -> dict[str, Any]:
    rules = [{"type": "branch_policy"}, {"type": "required_reviewers", **rule}]
    closed = {"name": "production", "can_admins_bypass": False}
    return {**closed, "protection_rules": rules}


REVIEWERS = [
    {"type": "Team", "reviewer": {"slug": "project-lead"}},
    {"type": "User", "reviewer": {"login": "dora"}},
]
NAMED = ("dora", "project-lead")


def test_an_armed_gate_names_its_reviewers() -> None:
    armed = environment(reviewers=REVIEWERS, prevent_self_review=True)
    assert check_armed(armed, DIGEST, NAMED) == ("project-lead", "dora")


@pytest.mark.parametrize(
    "described",
    [
        environment(reviewers=[], prevent_self_review=True),
        environment(reviewers=REVIEWERS, prevent_self_review=False),
        {"name": "production", "can_admins_bypass": False},
    ],
)
def test_a_gate_that_would_ask_nobody_is_an_error(described: dict[str, Any]) -> None:
    with pytest.raises(StepError, match="gate-not-armed"):
        check_armed(described, DIGEST, NAMED)


@pytest.mark.parametrize("said", [{"can_admins_bypass": True}, {}])
def test_a_gate_that_administrators_may_bypass_is_an_error(
    said: dict[str, bool],
) -> None:
    armed = environment(reviewers=REVIEWERS, prevent_self_review=True)
    del armed["can_admins_bypass"]
    with pytest.raises(StepError, match="gate-open-to-admins"):
        check_armed({**armed, **said}, DIGEST, NAMED)


@pytest.mark.parametrize(
    "approvers", [("project-lead",), ("dora", "project-lead", "devops-lead"), ("emil",)]
)
def test_a_gate_that_would_ask_others_is_an_error(approvers: tuple[str, ...]) -> None:
    armed = environment(reviewers=REVIEWERS, prevent_self_review=True)
    with pytest.raises(StepError, match="would ask project-lead, dora .*other-approve"):
        check_armed(armed, DIGEST, approvers)


def review(state: str, *names: str, by: str = "dora") -> dict[str, Any]:
    environments = [{"name": name} for name in names]
    return {"state": state, "environments": environments, "user": {"login": by}}


def test_finds_who_approved_on_github() -> None:
    reviews = [review("approved", "staging"), review("approved", "production")]
    assert approver_of(reviews, "production") == "dora"


def test_every_approver_of_a_run_that_was_started_again_is_named() -> None:
    reviews = [
        review("approved", "production", by="dora"),
        review("approved", "production", by="emil"),
        review("approved", "production", by="dora"),
    ]
    assert approver_of(reviews, "production") == "dora, emil"


def test_a_run_that_nobody_approved_is_refused() -> None:
    reviews = [review("rejected", "production"), review("approved", "staging")]
    with pytest.raises(StepError, match="no approval for production"):
        approver_of(reviews, "production")
