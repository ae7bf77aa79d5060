"""Back to what was in production, unless the database has moved past it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from delivery.pipeline.errors import DeliveryError
from delivery.pipeline.images import Image
from delivery.pipeline.rollback import (
    choose,
    guard_schema,
    read_report,
    refuse_backwards,
    released,
    schema_check_job,
)

from .conftest import COMPLETE, DIGEST, FAILED, OTHER, Answers, Clock, job, rendered

THIRD = "sha256:" + "c3" * 32
OLD = Image(OTHER, ("released-20261001T100000Z", "v1.0.0"))
NEW = Image(DIGEST, ("released-20261101T100000Z", "released-20260901T100000Z"))
NEVER = Image(THIRD, ("v2.0.0",))
ALL = [OLD, NEVER, NEW]


def test_offers_only_what_was_in_production_the_last_first() -> None:
    assert released(ALL) == [NEW, OLD]


@pytest.mark.parametrize("target", ["previous", OTHER, "v1.0.0", OLD.released[0]])
def test_a_release_can_be_named_in_several_ways(target: str) -> None:
    assert choose(target, ALL, running=DIGEST) == OTHER


@pytest.mark.parametrize("target", [THIRD, "v2.0.0", "latest"])
def test_an_image_that_was_never_released_is_refused(target: str) -> None:
    with pytest.raises(DeliveryError, match="released-20261001T100000Z"):
        choose(target, ALL, running=DIGEST)


def test_what_runs_is_no_target() -> None:
    with pytest.raises(DeliveryError, match="already-running"):
        choose(DIGEST, ALL, running=DIGEST)


def test_the_first_release_has_no_previous_one() -> None:
    with pytest.raises(DeliveryError, match="there are: none"):
        choose("previous", [NEW, NEVER], running=DIGEST)


@pytest.mark.parametrize("state", ["missing", "behind", "current"])
def test_an_image_serves_a_database_that_it_can_bring_to_itself(state: str) -> None:
    line = refuse_backwards({"state": state, "database": "1", "image": "2"}, DIGEST)
    assert state in line


def test_a_database_past_the_image_refuses_it() -> None:
    report = {"state": "ahead", "database": "18.0.2.0.0", "image": "18.0.1.0.0"}
    with pytest.raises(DeliveryError, match="18.0.2.0.0, which is past 18.0.1.0.0"):
        refuse_backwards(report, DIGEST)


@pytest.mark.parametrize("state", ["busy", "unknown", None])
def test_a_state_that_is_not_understood_refuses_it(state: object) -> None:
    with pytest.raises(DeliveryError, match="schema-unknown"):
        refuse_backwards({"state": state}, DIGEST)


def test_the_report_is_the_last_one_in_the_log() -> None:
    log = 'starting\n{"state": "behind"}\n{"state": "ahead"}\n{"level": "info"}\nbye'
    assert read_report(log) == {"state": "ahead"}


def test_a_log_without_a_report_refuses() -> None:
    with pytest.raises(DeliveryError, match="reported nothing"):
        read_report("Traceback\n[1]\n")


def test_the_image_itself_is_asked_as_the_migration_would_run() -> None:
    objects = rendered()
    check = schema_check_job(objects, DIGEST)
    spec = check["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"] == ["schema"]
    assert spec["containers"][0]["image"].endswith(DIGEST)
    assert (
        check["metadata"]["name"] == "gps-ingestion-service-schema-check-a1a1a1a1a1a1"
    )
    assert objects == rendered(), "the render stays as it is"


# In the cluster.

NAME = "gps-ingestion-service-schema-check-a1a1a1a1a1a1"


def cluster(answers: Answers, report: object, **status: Any) -> None:
    answers.on("delete", "job")
    answers.on("apply")
    answers.on("get", "jobs", output={"items": [job("another", status=COMPLETE)]})
    answers.on("get", "jobs", output={"items": [job(NAME, status=status)]})
    answers.on("logs", output=json.dumps(report))


def guard(answers: Answers, clock: Clock) -> str:
    return guard_schema(
        rendered(), DIGEST, answers, clock, clock.sleep, lambda line: None
    )


def test_asks_in_the_cluster_and_leaves_no_job(answers: Answers, clock: Clock) -> None:
    cluster(answers, {"state": "current", "database": "r1", "image": "r1"}, **COMPLETE)
    assert "current" in guard(answers, clock)
    applied = [json.loads(stdin) for call, stdin in answers.calls if "apply" in call]
    assert [item["kind"] for item in applied] == ["ConfigMap", "Job"]
    assert answers.calls[-1][0][:4] == ["kubectl", "delete", "job", NAME]


def test_refuses_before_anything_is_deployed(answers: Answers, clock: Clock) -> None:
    cluster(answers, {"state": "ahead", "database": "r2", "image": "r1"}, **COMPLETE)
    with pytest.raises(DeliveryError, match="schema-ahead"):
        guard(answers, clock)
    applied = [json.loads(stdin)["kind"] for call, stdin in answers.calls if stdin]
    assert "Deployment" not in applied
    assert answers.calls[-1][0][:3] == ["kubectl", "delete", "job"]


def test_an_image_that_cannot_be_asked_is_refused(
    answers: Answers, clock: Clock
) -> None:
    cluster(answers, {}, **FAILED)
    with pytest.raises(DeliveryError, match="rollout-failed"):
        guard(answers, clock)


def test_an_image_that_never_answers_is_refused(answers: Answers, clock: Clock) -> None:
    cluster(answers, {})
    with pytest.raises(DeliveryError, match="rollout-timeout"):
        guard(answers, clock)
