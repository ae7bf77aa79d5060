"""Only the way to the other side is worth a second try."""

from __future__ import annotations

import pytest

from delivery.pipeline.retry import Policy, is_transport, retry

from .conftest import Answers, Clock

RESET = "read tcp 10.0.0.1:443: connection reset by peer"


@pytest.mark.parametrize(
    "said",
    [
        RESET,
        "dial tcp: lookup registry.example: no such host",
        "net/http: TLS handshake timeout",
        "Unable to connect to the server: dial tcp 1.2.3.4:6443: i/o timeout",
        'Could not connect to the endpoint URL: "https://ecr.example/"',
        "error: the server is currently unable to handle the request",
        "received unexpected HTTP status: 503 Service Unavailable",
        "An error occurred (ThrottlingException): Rate exceeded",
        "Put https://registry.example/v2/: EOF",
    ],
)
def test_names_failures_of_the_transport(said: str) -> None:
    assert is_transport(said)


@pytest.mark.parametrize(
    "said",
    [
        "denied: requested access to the resource is denied",
        "ImageTagAlreadyExistsException: the tag is immutable",
        'error: deployment "tms-odoo" exceeded its progress deadline',
        "FAILED tests/test_trip.py::test_start - assert 503 == 200",
        "The Deployment is invalid: spec.replicas: Invalid value: 500",
    ],
)
def test_leaves_every_other_failure_alone(said: str) -> None:
    assert not is_transport(said)


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


def test_a_failure_can_be_accepted_by_name(answers: Answers, clock: Clock) -> None:
    answers.on("push", code=254, errors="LimitExceededException: once a day")
    code, said = run(answers, clock, accept="LimitExceededException")
    assert code == 0
    assert said == ["::notice::accepted: the command said LimitExceededException"]


def test_pauses_double_up_to_a_limit() -> None:
    policy = Policy(attempts=9, base_s=2.0, most_s=10.0)
    assert [policy.pause_s(n, 1.0) for n in (1, 2, 3, 4)] == [2.0, 4.0, 8.0, 10.0]
    assert policy.pause_s(2, 0.0) == 2.0
