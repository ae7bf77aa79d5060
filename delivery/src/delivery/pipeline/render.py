"""What an overlay asks a cluster for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Runner, output_of

KubernetesObject = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
MIGRATION = {"app.kubernetes.io/component": "migration"}


def render(overlay: Path, runner: Runner) -> list[KubernetesObject]:
    """The objects of a kustomize ``overlay``.

    :raises StepError: kustomize refuses it
    """
    text = output_of(runner, ["kubectl", "kustomize", str(overlay)])
    return [item for item in yaml.safe_load_all(text) if item]


def name_of(item: KubernetesObject) -> str:
    """The object's name."""
    return str(item["metadata"]["name"])


def workloads(objects: list[KubernetesObject]) -> list[KubernetesObject]:
    """What keeps pods running."""
    return [item for item in objects if item["kind"] in WORKLOADS]


def migration_job(objects: list[KubernetesObject]) -> KubernetesObject:
    """The Job that brings the database to the image.

    :raises StepError: there is none, or more than one
    """
    jobs = [item for item in objects if item["kind"] == "Job"]
    if len(jobs) != 1:
        raise StepError(
            "migration-job", f"the overlay must hold one Job, it holds {len(jobs)}"
        )
    return jobs[0]


def containers(item: KubernetesObject) -> Iterator[KubernetesObject]:
    """Every container of a workload or Job, init containers included."""
    spec = item.get("spec", {}).get("template", {}).get("spec", {})
    yield from spec.get("initContainers", [])
    yield from spec.get("containers", [])


def images(objects: list[KubernetesObject]) -> set[str]:
    """Every image that the objects run."""
    return {box["image"] for item in objects for box in containers(item)}


def application(objects: list[KubernetesObject]) -> tuple[str, str]:
    """Namespace and ``app.kubernetes.io/name`` of what the overlay deploys.

    :raises StepError: the overlay has no workload, or mixes several applications
    """
    found = {
        (
            item["metadata"].get("namespace", ""),
            item["metadata"].get("labels", {}).get("app.kubernetes.io/name", ""),
        )
        for item in workloads(objects)
    }
    if len(found) != 1 or not all(next(iter(found))):
        raise StepError(
            "mixed-overlay",
            f"the overlay must hold one application in one namespace, it holds {found}",
        )
    return found.pop()
