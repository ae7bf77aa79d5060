"""Only the way to the other side is worth a second try."""

from __future__ import annotations

import pytest

from delivery.pipeline.retry import Policy, patient, retry

from .conftest import Answers, Clock

RESET = "read tcp 10.0.0.1:443: connection reset by peer"


def run(answers: Answers, clock: Clock, accept: str = "") -> tuple[int, list[str]]:
    said: list[str] = []
    result = retry(
        ["push"], answers, Policy(3), clock.sleep, said.append, accept, lambda: 1.0
    )
    return result.code, said


def test_a_flaky_push_arrives_at_the_second_try(answers: Answers, clock: Clock) -> None:
    answers.on("push", code=1, errors=RESET)
    answers.on("push", output="pushed")
    code, said = run(answers, clock)
    assert code == 0
    assert clock.now == 2.0
    assert said == ["::warning::transport failure 1 of 3, again in 2.0 s"]


def test_gives_up_when_the_way_stays_closed(answers: Answers, clock: Clock) -> None:
    answers.on("push", code=7, errors=RESET)
    code, said = run(answers, clock)
    assert code == 7
    assert len(answers.calls) == 3
    assert said[-1] == "::error::gave up after 3 transport failures"


def test_does_not_try_a_refusal_again(answers: Answers, clock: Clock) -> None:
    answers.on("push", code=1, errors="denied: access is denied")
    code, _ = run(answers, clock)
    assert (code, len(answers.calls), clock.now) == (1, 1, 0.0)


def test_what_a_command_prints_as_its_output_is_no_failure_of_the_way(
    answers: Answers, clock: Clock
) -> None:
    answers.on("push", code=1, output=RESET, errors="no such manifest")
    code, _ = run(answers, clock)
    assert (code, len(answers.calls)) == (1, 1)


def test_a_failure_can_be_accepted_by_name(answers: Answers, clock: Clock) -> None:
    answers.on("push", code=254, errors="LimitExceededException: once a day")
    code, said = run(answers, clock, accept="LimitExceededException")
    assert code == 0
    assert said == ["::notice::accepted: the command said LimitExceededException"]


def test_pauses_double_up_to_a_limit() -> None:
    policy = Policy(attempts=9, base_s=2.0, most_s=10.0)
    assert [policy.pause_s(n, 1.0) for n in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 10.0]
    assert policy.pause_s(2, 0.0) == 2.0


# What only reads: kubectl get, describe-images and the like.


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRY_BASE_S", "0")


@pytest.mark.usefixtures("no_pause")
def test_a_read_that_was_cut_off_is_repeated(answers: Answers) -> None:
    answers.on("get", code=1, errors="net/http: TLS handshake timeout")
    answers.on("get", output="pods")
    assert patient(answers)(["kubectl", "get"], stdin="x").output == "pods"
    assert [stdin for _, stdin in answers.calls] == ["x", "x"]


@pytest.mark.usefixtures("no_pause")
def test_a_read_that_is_refused_is_not_repeated(answers: Answers) -> None:
    answers.on("get", code=1, errors="Error from server (Forbidden): pods")
    assert patient(answers)(["kubectl", "get"]).code == 1
    assert len(answers.calls) == 1
