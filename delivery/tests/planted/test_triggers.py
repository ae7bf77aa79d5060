"""What starts a pipeline beside a push to main, and what each may do."""

from __future__ import annotations

import uuid

import pytest

from delivery.runner.components import GPS
from planted import plants
from planted.checkout import Checkout
from planted.cluster import PRODUCTION, Cluster
from planted.conftest import Twin, digest_of
from planted.evidence import Evidence
from planted.pipelines import Pipelines

PACKAGE = "Package & Scan Artifact"
BUILD, VERSION = "Build Docker Image", "Give a release its version"
PRODUCTION_JOB, RUNNING = "Deploy to Production", "Check the running digest"
UNPUBLISHED = "Build and scan, unpublished"
GATE, REQUIRED = "Gate on the image scan", "pl-gps-001 required"
# act counts the jobs of a matrix behind their name.
IN_PRODUCTION = f"Image of {GPS.name}-2"


def test_a_pull_request_publishes_and_deploys_nothing(
    checkout: Checkout, pipelines: Pipelines, evidence: Evidence
) -> None:
    checkout.plant(plants.harmless(f"pull request {uuid.uuid4().hex}"))

    checked = pipelines.pull_request(checkout, GPS)

    assert checked.passed((UNPUBLISHED, BUILD)), checked.told
    assert checked.run.job(REQUIRED), checked.told
    assert checked.run.job(PACKAGE) is None
    evidence.checks("pull request", GPS, checked, (UNPUBLISHED, GATE))


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

    assert digest_of(tagged) == digest
    assert tagged.step((PACKAGE, BUILD)) is None, tagged.told
    assert tagged.passed((PACKAGE, VERSION)), tagged.told
    assert set().union(*cluster.running(GPS, PRODUCTION).values()) == {digest}
    evidence.passes("version tag", GPS, tagged, (PRODUCTION_JOB, RUNNING))


@pytest.mark.cluster(GPS)
def test_what_is_in_production_is_scanned_again(
    unplanted: Checkout, pipelines: Pipelines, evidence: Evidence, released: Twin
) -> None:
    released(GPS)

    scanned = pipelines.scan_again(unplanted, GPS)

    evidence.checks("scan of what is deployed", GPS, scanned, (IN_PRODUCTION, GATE))
