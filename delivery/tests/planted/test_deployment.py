"""Faults that only a deployment shows, before production is touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from delivery.runner.approvals import Approver
from delivery.runner.components import GPS
from planted import plants
from planted.checkout import Checkout
from planted.cluster import Cluster
from planted.conftest import Twin
from planted.evidence import Evidence
from planted.pipelines import Pipelines, approve_another, refuse

STAGING, TEST = "Deploy to Staging", "Integration Test"
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


@pytest.mark.parametrize(
    ("case", "approver", "said"),
    [
        ("refused approval", refuse, "devops-lead decided rejected"),
        (
            "approval for another digest",
            approve_another,
            "the decision is for sha256:ab",
        ),
    ],
    ids=["refused", "another-digest"],
)
def test_approval(
    case: str,
    approver: Approver,
    said: str,
    unplanted: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    released: Twin,
) -> None:
    green = released(GPS)

    planted = pipelines.by_hand_on_main(unplanted, GPS, approver)

    # The same suite on the same staging, once more: it leaves nothing behind.
    assert green.passed((TEST, SUITE)) and planted.passed((TEST, SUITE)), planted.told
    assert said in planted.log((APPROVAL, DECISION))
    evidence.fails(case, GPS, planted, (APPROVAL, DECISION), green)
