"""What one component puts into one environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from delivery.pipeline.render import MIGRATION, WORKLOADS, KubernetesObject

WITH_PODS = (*WORKLOADS, "Job", "CronJob")


@dataclass
class Deployed:
    """The objects of both overlays of a component.

    :param portable: of ``kube/<environment>``, the same on every cluster.
    :param cloud: of ``kube/cloud/<environment>``.
    """

    environment: str
    portable: list[KubernetesObject] = field(default_factory=list)
    cloud: list[KubernetesObject] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Where they all belong."""
        return f"tms-{self.environment}"

    @property
    def objects(self) -> list[KubernetesObject]:
        """All of them."""
        return [*self.portable, *self.cloud]

    @property
    def pods(self) -> list[KubernetesObject]:
        """What makes pods."""
        return [item for item in self.objects if item["kind"] in WITH_PODS]

    @property
    def migrations(self) -> list[KubernetesObject]:
        """The Jobs that bring a database to the image."""
        return [
            item
            for item in self.pods
            if item["kind"] == "Job"
            and MIGRATION.items() <= item["metadata"].get("labels", {}).items()
        ]

    @property
    def workloads(self) -> list[KubernetesObject]:
        """What keeps pods running."""
        return [item for item in self.objects if item["kind"] in WORKLOADS]

    @property
    def replicated(self) -> list[KubernetesObject]:
        """Workloads that may have several pods; a recreated one never does."""
        return [
            item
            for item in self.workloads
            if item["spec"].get("strategy", {}).get("type") != "Recreate"
        ]


def pod_spec(item: KubernetesObject) -> KubernetesObject:
    """The pod that a workload or a job makes."""
    spec = item["spec"]
    if item["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: KubernetesObject = spec["template"]["spec"]
    return found


def containers_of(item: KubernetesObject) -> Iterator[KubernetesObject]:
    """Every container, init containers included; none of what makes no pods."""
    if item["kind"] in WITH_PODS:
        spec = pod_spec(item)
        yield from spec.get("initContainers", [])
        yield from spec["containers"]


def selects(selector: KubernetesObject, labels: dict[str, str]) -> bool:
    """Whether a selector of labels finds pods with these; an empty one finds none."""
    wanted = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", [])
    return (
        bool(wanted or among)
        and wanted.items() <= labels.items()
        and all(
            rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
            for rule in among
        )
    )
