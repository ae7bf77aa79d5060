"""Back to what was in production, unless the database has moved past it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from delivery.pipeline.errors import StepError
from delivery.pipeline.images import Image
from delivery.pipeline.releases import Release
from delivery.pipeline.rollback import (
    choose,
    guard_schema,
    previous,
    read_report,
    refuse_backwards,
    released,
    running,
    schema_check_job,
)

from .conftest import COMPLETE, DIGEST, FAILED, Answers, Clock, job, rendered

R1, R2, R3, R4 = (f"sha256:{mark * 32}" for mark in ("a1", "b2", "c3", "d4"))


def record(what: str) -> Release:
    """A record of production from digit and mark: ``1`` is release 1, ``<`` a rollback
    to it, ``!`` says that it failed."""
    number = what.strip("<!")
    return Release(
        component="tms-odoo",
        environment="production",
        digest=(R1, R2, R3, R4)[int(number) - 1],
        commit=number * 40,
        kind="rollback" if "<" in what else "release",
        outcome="failure" if "!" in what else "success",
        run="17",
        actor="dev-alice",
        finished_at="2026-11-23T10:00:00Z",
    )


def history(story: str) -> list[Release]:
    """Records of a story that is told from its beginning, the newest first."""
    return [record(what) for what in reversed(story.split())]


def image(number: int, *tags: str) -> Image:
    """The image of a release, kept as released."""
    stamp = f"released-2026100{number}T100000Z"
    return Image((R1, R2, R3, R4)[number - 1], (f"v{number}.0.0", stamp, *tags))


ALL = [image(number) for number in (1, 2, 3, 4)]


def test_offers_only_what_was_in_production_the_last_first() -> None:
    untagged = Image(R3, ("v3.0.0",))
    only_tagged, only_failed = image(4), image(2)
    catalogue = [image(1), only_failed, untagged, only_tagged]
    assert released(catalogue, history("1 2! 3")) == [image(1)]
    assert released(ALL, history("1 2 3")) == [image(3), image(2), image(1)]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("", ""),
        ("1", R1),
        ("1 2", R2),
        ("1 2 3!", ""),
        ("1 2 3 <2", R2),
        ("1 2 3 <2!", ""),
    ],
)
def test_an_image_runs_only_if_nothing_was_tried_since(
    story: str, expected: str
) -> None:
    assert running(history(story)) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("1 2 3", R2, id="the release before the one that runs"),
        pytest.param("1 2 3!", R2, id="the last success, when the newest failed"),
        pytest.param("1 2 3! 4!", R2, id="past several that failed"),
        pytest.param("1 2 3! 2 3!", R2, id="deployed again, between two that failed"),
        pytest.param("1 2 3 <2", R1, id="not what the rollback came from"),
        pytest.param("1 2 3 <2!", R1, id="nor when the rollback failed"),
        pytest.param("1 2 3! <2", R1, id="further back after a rollback"),
        pytest.param("1 2 3 <2 4", R2, id="what was left behind stays so"),
        pytest.param("1 2 3 <2 <3", R2, id="brought back by name, it runs"),
        pytest.param("1 2 3 <2 3 4", R3, id="released again, it is a release again"),
        pytest.param("1 2 2", R1, id="a release that was repeated counts once"),
        pytest.param("1", "", id="the first has none"),
        pytest.param("1!", "", id="nor has one that failed"),
        pytest.param("", "", id="nor an empty production"),
    ],
)
def test_previous_is_the_last_good_release_before_what_was_tried(
    story: str, expected: str
) -> None:
    assert previous(history(story)) == expected


@pytest.mark.parametrize(
    "target", ["previous", R2, "v2.0.0", "released-20261002T100000Z"]
)
def test_a_release_can_be_named_in_several_ways(target: str) -> None:
    assert choose(target, ALL, history("1 2 3!")) == record("2")


def test_the_target_is_the_last_good_deployment_of_the_image() -> None:
    again = dataclasses.replace(record("<1"), run="18")
    known = [record("2"), record("1!"), again, record("1")]
    assert choose("previous", ALL, known) == again


@pytest.mark.parametrize("target", [R3, "v3.0.0", "latest", "v4.0.0"])
def test_an_image_that_never_served_is_refused(target: str) -> None:
    with pytest.raises(StepError, match="are: released-20261001T100000Z"):
        choose(target, ALL, history("1 2 3! 2"))


def test_what_runs_is_no_target() -> None:
    with pytest.raises(StepError, match="already-running"):
        choose(R2, ALL, history("1 2"))


def test_what_a_failed_deployment_may_have_replaced_is_a_target() -> None:
    assert choose(R2, ALL, history("1 2 3!")).digest == R2


def test_a_previous_one_that_the_registry_has_lost_is_not_skipped() -> None:
    with pytest.raises(StepError, match="not-released"):
        choose("previous", [image(1), image(3)], history("1 2 3"))


@pytest.mark.parametrize("story", ["", "1"])
def test_the_first_release_has_no_previous_one(story: str) -> None:
    with pytest.raises(StepError, match="there are: none"):
        choose("previous", ALL, history(story))


@pytest.mark.parametrize("state", ["missing", "behind", "current"])
def test_an_image_serves_a_database_that_it_can_bring_to_itself(state: str) -> None:
    line = refuse_backwards({"state": state, "database": "1", "image": "2"}, DIGEST)
    assert state in line


def test_a_database_past_the_image_refuses_it() -> None:
    report = {"state": "ahead", "database": "18.0.2.0.0", "image": "18.0.1.0.0"}
    with pytest.raises(StepError, match="18.0.2.0.0, which is past 18.0.1.0.0"):
        refuse_backwards(report, DIGEST)


@pytest.mark.parametrize("state", ["busy", "unknown", None])
def test_a_state_that_is_not_understood_refuses_it(state: object) -> None:
    with pytest.raises(StepError, match="schema-unknown"):
        refuse_backwards({"state": state}, DIGEST)


def test_the_report_is_the_last_one_in_the_log() -> None:
    log = 'starting\n{"state": "behind"}\n{"state": "ahead"}\n{"level": "info"}\nbye'
    assert read_report(log) == {"state": "ahead"}


def test_a_log_without_a_report_refuses() -> None:
    with pytest.raises(StepError, match="reported nothing"):
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
    # The first try failed, on a node that went away; its log says nothing of it.
    tries = [check_pod("x-failed", "Failed"), check_pod("x-other", "Succeeded", "y")]
    good = check_pod("x-good", "Succeeded")
    answers.on("get", "pods", output={"items": [*tries, good]})
    answers.on("logs", "x-good", output=json.dumps(report))


def check_pod(name: str, phase: str, job_name: str = NAME) -> dict[str, Any]:
    owner = {"kind": "Job", "name": job_name}
    metadata = {"name": name, "ownerReferences": [owner]}
    return {"metadata": metadata, "status": {"phase": phase}}


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
    with pytest.raises(StepError, match="schema-ahead"):
        guard(answers, clock)
    applied = [json.loads(stdin)["kind"] for call, stdin in answers.calls if stdin]
    assert "Deployment" not in applied
    assert answers.calls[-1][0][:3] == ["kubectl", "delete", "job"]


def test_an_image_that_cannot_be_asked_is_refused(
    answers: Answers, clock: Clock
) -> None:
    cluster(answers, {}, **FAILED)
    with pytest.raises(StepError, match="rollout-failed"):
        guard(answers, clock)


def test_a_check_whose_pod_is_gone_has_not_answered(
    answers: Answers, clock: Clock
) -> None:
    answers.on("get", "pods", output={"items": [check_pod("x", "Failed")]})
    cluster(answers, {"state": "current"}, **COMPLETE)
    answers.rules[0][1].pop()
    with pytest.raises(StepError, match="schema-unknown"):
        guard(answers, clock)
    assert answers.calls[-1][0][:4] == ["kubectl", "delete", "job", NAME]


def test_an_image_that_never_answers_is_refused(answers: Answers, clock: Clock) -> None:
    cluster(answers, {})
    with pytest.raises(StepError, match="rollout-timeout"):
        guard(answers, clock)
