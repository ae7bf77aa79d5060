"""Rollback: refused once the database has moved on, and complete where it has not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

from delivery.runner.components import GPS, ODOO, Component
from planted import plants
from planted.checkout import Checkout
from planted.cluster import PRODUCTION, STAGING, Cluster
from planted.conftest import MakeCheckout, Twin, digest_of
from planted.evidence import Evidence
from planted.faults import RegistryWay, docker_by
from planted.outcome import Outcome
from planted.pipelines import Pipelines, approve

PACKAGE, PUSH = "Package & Scan Artifact", "Push Docker Image to ECR"
TEST, SUITE = "Integration Test", "Execute Integration Test Suite"
PRODUCTION_JOB = "Deploy to Production"
GUARD = "Refuse an image that the database has moved past"
RUNNING = "Check the running digest"
BOTH = [
    pytest.param(component, marks=pytest.mark.cluster(component), id=component.key)
    for component in (GPS, ODOO)
]


@dataclass(frozen=True)
class Story:
    """What happened to one component: a release with a migration, and two ways back.

    :param forward: the release with the migration, over a way that breaks at first.
    :param refused: the rollback while the database is past the target.
    :param accepted: the same rollback, to the same image, when it is not.
    """

    target: str
    forward: Outcome
    refused: Outcome
    counts_before: dict[str, str]
    counts_after: dict[str, str]
    accepted: Outcome


class Tell(Protocol):
    """Lets a component's story happen, once."""

    def __call__(self, component: Component) -> Story: ...


@pytest.fixture(scope="module")
def story(
    make_checkout: MakeCheckout,
    unplanted: Checkout,
    pipelines: Pipelines,
    cluster: Cluster,
    released: Twin,
) -> Tell:
    @cache
    def tell(component: Component) -> Story:
        target = digest_of(released(component))
        # Now, while production serves: moved back, its database fits no pod there.
        cluster.put_in_a_row(component)
        way_back = cluster.before_migration(component)
        checkout = make_checkout()
        checkout.plant(plants.migration(checkout, component))
        staging = cluster.restored(component, STAGING)
        with staging, cluster.restored(component, PRODUCTION):
            try:
                forward = release_over_a_flaky_way(pipelines, checkout, component)
                refused = pipelines.roll_back(unplanted, component, target)
            finally:
                for namespace, statements in way_back.items():
                    cluster.sql(component, namespace, statements)
            counts = cluster.row_counts(component)
            accepted = pipelines.roll_back(unplanted, component, target)
            after = cluster.row_counts(component)
        return Story(target, forward, refused, counts, after, accepted)

    return tell


def release_over_a_flaky_way(
    pipelines: Pipelines, checkout: Checkout, component: Component
) -> Outcome:
    """Release a commit; the way to the registry breaks a few connections at first."""
    # The engine makes two connections for each push that it gives up.
    way = RegistryWay(pipelines.machine.platform["ECR_REGISTRY"], resets=4)
    with TemporaryDirectory() as folder, way.open():
        changes = docker_by(way, Path(folder), pipelines.environment())
        release = pipelines.push(checkout, component, approve, changes)
    assert release.run.passed, release.told
    return release


@pytest.mark.parametrize("component", BOTH)
def test_flaky_push(component: Component, story: Tell, evidence: Evidence) -> None:
    release = story(component).forward

    assert "transport failure 1 of 4" in release.log((PACKAGE, PUSH))
    evidence.passes("flaky push", component, release, (PACKAGE, PUSH))


@pytest.mark.parametrize("component", BOTH)
def test_the_integration_tests_pass_twice_in_a_row(
    component: Component, story: Tell, evidence: Evidence, released: Twin
) -> None:
    """On the same staging, one release after the other: a run is in no one's way."""
    assert released(component).passed((TEST, SUITE))
    again = story(component).forward

    evidence.passes("integration tests, again", component, again, (TEST, SUITE))


@pytest.mark.parametrize("component", BOTH)
def test_rollback_past_a_migration(
    component: Component, story: Tell, evidence: Evidence
) -> None:
    told = story(component)

    place = (PRODUCTION_JOB, GUARD)
    assert "which is past" in told.refused.log(place)
    evidence.fails(
        "rollback past a migration", component, told.refused, place, told.accepted
    )


@pytest.mark.parametrize("component", BOTH)
def test_good_rollback(
    component: Component, story: Tell, cluster: Cluster, evidence: Evidence
) -> None:
    told = story(component)

    running = cluster.running(component, PRODUCTION)
    assert running.keys() == cluster.workloads(component, PRODUCTION) != set()
    assert all(digests == {told.target} for digests in running.values()), running
    assert sum(map(int, told.counts_before.values())) > 0
    assert told.counts_after == told.counts_before
    evidence.passes(
        "good rollback", component, told.accepted, (PRODUCTION_JOB, RUNNING)
    )
