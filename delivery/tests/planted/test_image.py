"""Faults on the way of an image into the registry, and in the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.runner.components import GPS
from planted import plants
from planted.checkout import Checkout
from planted.conftest import Twin
from planted.evidence import Evidence
from planted.faults import CRITICAL, NEVER_ENDS, RegistryWay, docker_by, scan_result
from planted.pipelines import Pipelines

PACKAGE = "Package & Scan Artifact"
PUSH, SCAN = "Push Docker Image to ECR", "Gate on the image scan"
RETRIED = "transport failure"

pytestmark = pytest.mark.cluster(GPS)


@pytest.mark.parametrize(
    ("case", "scan", "said"),
    [
        ("CRITICAL in the image", CRITICAL, "CRITICAL CVE-2026-99999 planted"),
        ("scan that times out", NEVER_ENDS, "no result of the scan"),
    ],
    ids=["critical", "timeout"],
)
def test_scan(
    case: str,
    scan: dict[str, Any],
    said: str,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    released: Twin,
) -> None:
    unplanted = released(GPS)
    environment = pipelines.machine.platform
    # The commit is what tells this image from every other.
    checkout.plant(plants.harmless(case))
    scan_result(
        environment["AWS_ENDPOINT_URL"],
        environment["AWS_REGION"],
        GPS.name,
        checkout.commit,
        scan,
    )

    planted = pipelines.push(checkout, GPS, changes={"SCAN_TIMEOUT_S": "10"})

    assert said in planted.log((PACKAGE, SCAN))
    evidence.fails(case, GPS, planted, (PACKAGE, SCAN), unplanted)


def test_refused_push(
    tmp_path: Path,
    checkout: Checkout,
    pipelines: Pipelines,
    evidence: Evidence,
    released: Twin,
) -> None:
    unplanted = released(GPS)
    environment = pipelines.environment()
    checkout.plant(plants.harmless("refused push"))
    way = RegistryWay(environment["ECR_REGISTRY"], refuses=True)

    with way.open():
        changes = docker_by(way, tmp_path, environment)
        planted = pipelines.push(checkout, GPS, changes=changes)

    assert way.connections
    assert RETRIED not in planted.log((PACKAGE, PUSH))
    evidence.fails(
        "refused push, not retried", GPS, planted, (PACKAGE, PUSH), unplanted
    )
