"""The check of all manifests: rendered, valid, and within the policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from delivery.infrastructure.watch_objects import KINDS
from delivery.manifests.deployed import Deployed
from delivery.manifests.policy import policy_problems
from delivery.manifests.schemas import schema_problems
from delivery.pipeline.process import Runner
from delivery.pipeline.render import name_of, render

COMPONENTS = ("gps_ingestion_service", "odoo_addons/tms_management")
#: What belongs to no component, for clusters of the cloud alone.
MONITORING = "monitoring"
ENVIRONMENTS = ("staging", "production")


def read(root: Path, component: str, environment: str, runner: Runner) -> Deployed:
    """Render both overlays of a component for an environment.

    :raises DeliveryError: kustomize refuses one.
    """
    kube = root / component / "kube"
    return Deployed(
        environment,
        render(kube / environment, runner),
        render(kube / "cloud" / environment, runner),
    )


def read_monitoring(root: Path, environment: str, runner: Runner) -> Deployed:
    """Render the watch over an environment.

    :raises DeliveryError: kustomize refuses it.
    """
    return Deployed(environment, cloud=render(root / MONITORING / environment, runner))


def foreign_kinds(deployed: Deployed) -> Iterator[str]:
    """Objects of kinds that the watch is not made of, which its apply refuses."""
    for item in deployed.objects:
        if item["kind"] not in KINDS:
            yield (
                f"{item['kind']} {name_of(item)}: no part of a watch, which may hold "
                f"{', '.join(sorted(KINDS))}"
            )


def problems(deployed: Deployed) -> Iterator[str]:
    """What is wrong with the manifests of a component in an environment."""
    for item in deployed.objects:
        yield from schema_problems(item)
    yield from (str(problem) for problem in policy_problems(deployed))
