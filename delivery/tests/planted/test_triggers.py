"""What starts a pipeline beside a push to main, and what each may do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.runner.components import GPS, Component
from planted import plants
from planted.checkout import Checkout
from planted.cluster import PRODUCTION, Cluster
from planted.conftest import Twin, digest_of
from planted.evidence import Evidence
from planted.outcome import Outcome
from planted.pipelines import Pipelines, approve

PACKAGE = "Package & Scan Artifact"
BUILD, VERSION = "Build Docker Image", "Give a release its version"
PRODUCTION_JOB, RUNNING = "Deploy to Production", "Check the running digest"
UNPUBLISHED = "Build and scan, unpublished"
GATE, REQUIRED = "Gate on the image scan", "pl-gps-001 required"
PLAN, PLANNING = "Plan", "Plan the run"
UNIT, COVERAGE = "Unit Test & Coverage", "Validate Coverage Threshold"
# act counts the jobs of a matrix behind their name.
IN_PRODUCTION = f"Image of {GPS.name} in production-4"


@pytest.mark.parametrize(
    ("case", "start"),
    [
        ("pull request", Pipelines.pull_request),
        ("merge queue", Pipelines.merge_group),
    ],
    ids=["pull-request", "merge-queue"],
)
def test_what_is_not_merged_yet_publishes_and_deploys_nothing(
    case: str,
    start: Callable[[Pipelines, Checkout, Component], Outcome],
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
) -> None:
    checkout.plant(plants.harmless(f"{case} {uuid.uuid4().hex}"))

    checked = start(pipelines, checkout, GPS)

    assert checked.passed((UNPUBLISHED, BUILD)), checked.told
    assert checked.run.job(REQUIRED), checked.told
    assert checked.run.job(PACKAGE) is None
    evidence.checks(case, GPS, checked, (UNPUBLISHED, GATE))


def test_a_dispatch_on_another_ref_ends_after_the_unit_tests(
    checkout: Checkout, pipelines: Pipelines, evidence: Evidence
) -> None:
    checked = pipelines.by_hand(checkout, GPS)

    assert checked.jobs_after(UNIT) == [], checked.told
    assert checked.run.job(PACKAGE) is None
    evidence.checks("dispatch on another ref", GPS, checked, (UNIT, COVERAGE))


def test_a_version_tag_off_main_is_refused(
    checkout: Checkout, pipelines: Pipelines, evidence: Evidence, twin: Twin
) -> None:
    unplanted = twin(GPS)
    checkout.plant(plants.harmless(f"off main {uuid.uuid4().hex}"))
    checkout.leave_main()

    tagged = pipelines.tag(checkout, GPS, f"v0.0.{uuid.uuid4().int}")

    assert "which main does not hold" in tagged.log((PLAN, PLANNING))
    evidence.fails("version tag off main", GPS, tagged, (PLAN, PLANNING), unplanted)


@pytest.mark.cluster(GPS)
def test_a_version_tag_releases_the_image_that_its_commit_has(
    unplanted: Checkout,
    pipelines: Pipelines,
    cluster: Cluster,
    evidence: Evidence,
    released: Twin,
) -> None:
    digest = digest_of(released(GPS))

    tagged = pipelines.tag(unplanted, GPS, f"v0.0.{uuid.uuid4().int}")

    assert tagged.run.passed, tagged.told
    assert digest_of(tagged) == digest
    assert tagged.step((PACKAGE, BUILD)) is None, tagged.told
    assert tagged.passed((PACKAGE, VERSION)), tagged.told
    assert set().union(*cluster.running(GPS, PRODUCTION).values()) == {digest}
    evidence.passes("version tag", GPS, tagged, (PRODUCTION_JOB, RUNNING))


@pytest.fixture
def settled(unplanted: Checkout, pipelines: Pipelines, released: Twin) -> None:
    """The twin was deployed last to both environments, whatever came between."""
    released(GPS)
    if set(pipelines.last_commits(GPS)) != {unplanted.commit}:
        again = pipelines.by_hand_on_main(unplanted, GPS, approve)
        assert again.run.passed, again.told


@pytest.mark.cluster(GPS)
@pytest.mark.usefixtures("settled")
def test_what_is_deployed_is_scanned_again(
    unplanted: Checkout, pipelines: Pipelines, evidence: Evidence
) -> None:
    scanned = pipelines.scan_again(unplanted, GPS)

    evidence.checks("scan of what is deployed", GPS, scanned, (IN_PRODUCTION, GATE))


@pytest.mark.cluster(GPS)
@pytest.mark.usefixtures("settled")
def test_a_push_of_words_alone_ends_after_its_plan(
    tmp_path: Path, unplanted: Checkout, pipelines: Pipelines, evidence: Evidence
) -> None:
    """What was deployed last decides what is new."""
    words = unplanted.copy(tmp_path / "words")
    words.plant(plants.prose("Words."))

    pushed = pipelines.push(words, GPS)

    assert [job.name for job in pushed.run.jobs] == [PLAN, REQUIRED], pushed.told
    evidence.checks("push of words alone", GPS, pushed, (PLAN, PLANNING))


@pytest.mark.cluster(GPS)
def test_a_version_tag_of_a_commit_without_an_image_runs_all_stages(
    checkout: Checkout, pipelines: Pipelines, cluster: Cluster, evidence: Evidence
) -> None:
    checkout.plant(plants.harmless(f"version {uuid.uuid4().hex}"))

    tagged = pipelines.tag(checkout, GPS, f"v0.0.{uuid.uuid4().int}")

    assert tagged.run.passed, tagged.told
    for place in ((UNIT, COVERAGE), (PACKAGE, BUILD), (PACKAGE, VERSION)):
        assert tagged.passed(place), tagged.told
    running = set().union(*cluster.running(GPS, PRODUCTION).values())
    assert running == {digest_of(tagged)}
    evidence.passes("version tag, no image yet", GPS, tagged, (PRODUCTION_JOB, RUNNING))
