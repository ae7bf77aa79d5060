"""Faults that only a deployment shows, before production is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.runner.approvals import Approver
from delivery.runner.components import GPS, ODOO
from planted import plants
from planted.checkout import Checkout
from planted.cluster import Cluster
from planted.conftest import Twin
from planted.evidence import Evidence
from planted.pipelines import (
    ACTOR,
    APPROVER,
    Pipelines,
    approve,
    approve_another,
    refuse,
)

STAGING, TEST = "Deploy to Staging", "Integration Test"
OLDER = "Refuse a commit that is older than the one before it"
EARLIER = "Clear what an earlier deployment left"
MIGRATION, EVERY_WORKLOAD = "Wait for the migration", "Wait for every workload"
HEALTH, SUITE = "Verify Deployment Health", "Execute Integration Test Suite"
APPROVAL = "Production Approval"
DECISION = "Wait for an approver's decision (local run only)"

pytestmark = pytest.mark.cluster(GPS)


@pytest.mark.parametrize(
    ("case", "plant", "place"),
    [
        ("image that never gets ready", plants.never_ready, (STAGING, HEALTH)),
        ("failing integration test", plants.failing_integration_test, (TEST, SUITE)),
    ],
    ids=["never-ready", "integration"],
)
def test_staging(
    case: str,
    plant: Callable[[Checkout], dict[str, str]],
    place: tuple[str, str],
    checkout: Checkout,
    pipelines: Pipelines,
    cluster: Cluster,
    evidence: Evidence,
    released: Twin,
) -> None:
    unplanted = released(GPS)
    checkout.plant(plant(checkout))

    with cluster.restored(GPS, "tms-staging"):
        options = {"ROLLOUT_OPTIONS": "--timeout=90s"}
        planted = pipelines.push(checkout, GPS, changes=options)

    evidence.fails(case, GPS, planted, place, unplanted)


@pytest.mark.cluster(ODOO)
@pytest.mark.parametrize(
    ("case", "plant", "step", "said"),
    [
        ("failing migration", plants.failing_migration, MIGRATION, "job/"),
        (
            "websocket that never gets ready",
            plants.silent_websocket,
            EVERY_WORKLOAD,
            "deployment/tms-odoo-websocket",
        ),
    ],
    ids=["migration", "websocket"],
)
def test_odoo_in_staging(
    case: str,
    plant: Callable[[Checkout], dict[str, str]],
    step: str,
    said: str,
    checkout: Checkout,
    pipelines: Pipelines,
    cluster: Cluster,
    evidence: Evidence,
    released: Twin,
) -> None:
    """What the document's rollout of one Deployment does not see."""
    unplanted = released(ODOO)
    checkout.plant(plant(checkout))

    with cluster.restored(ODOO, "tms-staging"):
        planted = pipelines.push(checkout, ODOO, changes={"WAIT_AT_MOST_S": "180"})

    assert said in planted.log((STAGING, step)), planted.told
    if step == EVERY_WORKLOAD:
        assert planted.passed((STAGING, HEALTH)), planted.told
    evidence.fails(case, ODOO, planted, (STAGING, step), unplanted)


def test_a_migration_that_failed_passes_once_its_cause_is_gone(
    checkout: Checkout,
    pipelines: Pipelines,
    cluster: Cluster,
    evidence: Evidence,
    released: Twin,
) -> None:
    """Although Kubernetes calls the Deployment late by then."""
    released(GPS)
    checkout.plant(plants.migration(checkout, GPS))

    with cluster.restored(GPS, "tms-staging"), cluster.obstructed(GPS) as clear:
        planted = pipelines.push(checkout, GPS, changes={"WAIT_AT_MOST_S": "180"})
        cluster.let_deadline_pass(GPS)
        clear()
        again = pipelines.by_hand_on_main(checkout, GPS, refuse)

    assert "whose last rollout has not arrived" in again.log(
        (STAGING, EARLIER)
    ), again.told
    assert again.passed((TEST, SUITE)) and again.failure == (APPROVAL, DECISION)
    evidence.fails("migration in vain", GPS, planted, (STAGING, MIGRATION), again)


def test_a_commit_that_is_older_than_what_was_deployed(
    tmp_path: Path,
    unplanted: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    released: Twin,
) -> None:
    newer = released(GPS)
    older = unplanted.copy(tmp_path / "older")
    older.go_back()

    planted = pipelines.push(older, GPS)

    assert "which is newer than" in planted.log((STAGING, OLDER))
    evidence.fails("older commit", GPS, planted, (STAGING, OLDER), newer)


@pytest.mark.parametrize(
    ("case", "approver", "actor", "said"),
    [
        ("refused approval", refuse, ACTOR, "devops-lead decided rejected"),
        (
            "approval for another digest",
            approve_another,
            ACTOR,
            "the decision is for sha256:ab",
        ),
        (
            "approval of one's own run",
            approve,
            APPROVER,
            "devops-lead started this run and may not approve it",
        ),
    ],
    ids=["refused", "another-digest", "own-run"],
)
def test_approval(
    case: str,
    approver: Approver,
    actor: str,
    said: str,
    unplanted: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    released: Twin,
) -> None:
    green = released(GPS)

    planted = pipelines.by_hand_on_main(unplanted, GPS, approver, actor)

    # The same suite on the same staging, once more: it leaves nothing behind.
    assert green.passed((TEST, SUITE)) and planted.passed((TEST, SUITE)), planted.told
    assert said in planted.log((APPROVAL, DECISION))
    evidence.fails(case, GPS, planted, (APPROVAL, DECISION), green)
