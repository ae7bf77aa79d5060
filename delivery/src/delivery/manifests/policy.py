"""Rules that a valid manifest can still break.

Each rule judges all that one component puts into one environment, because some hold
only of the portable overlay and the cloud's one together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery.manifests.databases import database_is_verified
from delivery.manifests.deployed import Deployed, containers_of, pod_spec, selects
from delivery.manifests.ports import admitted, services_lead_somewhere
from delivery.pipeline.digest import ZERO
from delivery.pipeline.render import KubernetesObject, name_of

SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_DIGEST_OF_GIT = re.compile(rf"[a-z0-9][a-z0-9./-]*@{ZERO}")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)$")
_CREDENTIALS = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY")

Judge = Callable[[Deployed], Iterator[str]]


@dataclass(frozen=True)
class Problem:
    """A rule that is broken, and by what."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} [{self.rule}]"


def in_its_namespace(deployed: Deployed) -> Iterator[str]:
    """Every object is in the namespace of the environment."""
    for item in deployed.objects:
        found = item["metadata"].get("namespace")
        if found != deployed.namespace:
            yield f"{item['kind']} {name_of(item)} is in {found}"


def not_root(deployed: Deployed) -> Iterator[str]:
    """Pods run as an ordinary user, with the runtime's seccomp profile."""
    for item in deployed.pods:
        pod = pod_spec(item).get("securityContext", {})
        boxes = [box.get("securityContext", {}) for box in containers_of(item)]
        if pod.get("runAsNonRoot") is not True or any(
            box.get("runAsNonRoot", True) is not True for box in boxes
        ):
            yield f"{name_of(item)}: runAsNonRoot must be true"
        if not all(context.get("runAsUser", 1) for context in (pod, *boxes)):
            yield f"{name_of(item)}: runAsUser is root's"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name_of(item)}: seccompProfile must be RuntimeDefault"


def confined(deployed: Deployed) -> Iterator[str]:
    """Containers write nowhere but to volumes, gain nothing and see no host."""
    for item in deployed.pods:
        spec = pod_spec(item)
        for word in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(word):
                yield f"{name_of(item)}: {word} must not be set"
        for volume in spec.get("volumes", []):
            if "hostPath" in volume:
                yield f"{name_of(item)}: the volume {volume['name']} is the host's"
        for box in containers_of(item):
            about = f"{name_of(item)}/{box['name']}"
            context = box.get("securityContext", {})
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{about}: readOnlyRootFilesystem must be true"
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{about}: allowPrivilegeEscalation must be false"
            if context.get("privileged"):
                yield f"{about}: privileged must not be set"
            if context.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{about}: capabilities must be dropped, all of them"


def bounded(deployed: Deployed) -> Iterator[str]:
    """Containers ask for CPU and memory, and have a limit of memory.

    No limit of CPU is asked for: it slows a pod down while the node has time to spare.
    """
    for item in deployed.pods:
        for box in containers_of(item):
            resources = box.get("resources", {})
            for kind, what in (
                ("requests", "cpu"),
                ("requests", "memory"),
                ("limits", "memory"),
            ):
                if what not in resources.get(kind, {}):
                    yield f"{name_of(item)}/{box['name']}: no {kind} of {what}"


def probed(deployed: Deployed) -> Iterator[str]:
    """What keeps running is probed, and to be ready is more than to be alive."""
    for item in deployed.workloads:
        for box in pod_spec(item)["containers"]:
            about = f"{name_of(item)}/{box['name']}"
            missing = [name for name in PROBES if name not in box]
            if missing:
                yield f"{about}: has no {' and no '.join(missing)}"
            elif box["readinessProbe"].get("httpGet") == box["livenessProbe"].get(
                "httpGet"
            ):
                yield f"{about}: asks the same to be ready as to be alive"


def by_digest(deployed: Deployed) -> Iterator[str]:
    """Images are named by digest alone, and git holds the digest of no image."""
    for item in deployed.pods:
        for box in containers_of(item):
            if not _DIGEST_OF_GIT.fullmatch(box["image"]):
                yield (
                    f"{name_of(item)}/{box['name']}: runs {box['image']}; in git it "
                    "must be the all-zero digest, which `pipeline-step pin` replaces"
                )


def no_secret_values(deployed: Deployed) -> Iterator[str]:
    """Secrets are mounted files: none is in git, and none in an environment."""
    for item in deployed.objects:
        about = f"{item['kind']} {name_of(item)}"
        if item["kind"] == "Secret":
            yield f"{about}: AWS Secrets Manager keeps it, External Secrets makes it"
        for key, value in item.get("data", {}).items():
            if _SECRET_NAME.search(key) or _CREDENTIALS.search(str(value)):
                yield f"{about}: {key} looks like a secret"
        for box in containers_of(item):
            for variable in box.get("env", []):
                yield from _variable(f"{about}/{box['name']}", variable)
            if any("secretRef" in source for source in box.get("envFrom", [])):
                yield f"{about}/{box['name']}: a Secret is its environment"


def _variable(about: str, variable: KubernetesObject) -> Iterator[str]:
    name, value = variable["name"], str(variable.get("value", ""))
    if "secretKeyRef" in variable.get("valueFrom", {}):
        yield f"{about}: {name} comes from a Secret; mount it as a file"
    elif value and (_SECRET_NAME.search(name) or _CREDENTIALS.search(value)):
        yield f"{about}: {name} looks like a secret"


def secrets_are_synced(deployed: Deployed) -> Iterator[str]:
    """Every Secret that pods mount is made from the environment's own entries."""
    made = set()
    for item in deployed.cloud:
        if item["kind"] == "ExternalSecret":
            made.add(item["spec"]["target"]["name"])
            for source in item["spec"]["dataFrom"]:
                key = source["extract"]["key"]
                if not key.startswith(f"tms/{deployed.environment}/"):
                    yield f"{name_of(item)}: reads {key}, of another environment"
    for item in deployed.pods:
        for volume in pod_spec(item).get("volumes", []):
            name = volume.get("secret", {}).get("secretName")
            if name and name not in made:
                yield f"{name_of(item)}: mounts {name}, which no ExternalSecret makes"


def no_api_token(deployed: Deployed) -> Iterator[str]:
    """Pods that never call the cluster's API hold no token for it."""
    for item in deployed.pods:
        if pod_spec(item).get("automountServiceAccountToken") is not False:
            yield f"{name_of(item)}: automountServiceAccountToken must be false"


def spread(deployed: Deployed) -> Iterator[str]:
    """Replicas are spread over zones and nodes, counting their own kind."""
    for item in deployed.replicated:
        labels = item["spec"]["template"]["metadata"]["labels"]
        over = {
            constraint["topologyKey"]
            for constraint in pod_spec(item).get("topologySpreadConstraints", [])
            if selects(constraint.get("labelSelector", {}), labels)
        }
        for key in SPREAD_OVER:
            if key not in over:
                yield f"{name_of(item)}: its pods are not spread over {key}"


def can_be_drained(deployed: Deployed) -> Iterator[str]:
    """Each replicated workload has one disruption budget, which lets nodes be drained.

    Two budgets for one pod make the eviction API refuse every eviction.
    """
    budgets = [item for item in deployed.cloud if item["kind"] == "PodDisruptionBudget"]
    for item in deployed.replicated:
        labels = item["spec"]["template"]["metadata"]["labels"]
        mine = [
            budget for budget in budgets if selects(budget["spec"]["selector"], labels)
        ]
        if len(mine) != 1:
            yield f"{name_of(item)}: {len(mine)} disruption budgets, it needs one"
    for budget in budgets:
        if budget["spec"].get("maxUnavailable") in (None, 0, "0%"):
            yield f"{name_of(budget)}: maxUnavailable must let one pod go"
        if not any(
            selects(
                budget["spec"]["selector"],
                item["spec"]["template"]["metadata"]["labels"],
            )
            for item in deployed.workloads
        ):
            yield f"{name_of(budget)}: no pod has its labels"


def migrations_fit(deployed: Deployed) -> Iterator[str]:
    """A migration ends before the pods that wait for it give up, and those before
    their Deployment does: a slow migration is no failed deployment.
    """
    for job in deployed.migrations:
        limit = job["spec"].get("activeDeadlineSeconds")
        if limit is None:
            yield f"{name_of(job)}: has no activeDeadlineSeconds"
            continue
        for item in deployed.workloads:
            waits = _schema_wait_s(item)
            progress = item["spec"].get("progressDeadlineSeconds", 600)
            if waits is None:
                yield f"{name_of(item)}: no init container waits for the schema"
            elif not limit < waits < progress:
                yield (
                    f"{name_of(item)}: the migration may take {limit} s, its pods wait "
                    f"{waits:.0f} s for it, and it gives up after {progress} s: each "
                    "must be more than the one before"
                )


def _schema_wait_s(item: KubernetesObject) -> float | None:
    """How long pods wait for their schema; None where they do not."""
    for box in pod_spec(item).get("initContainers", []):
        match box.get("args"):
            case ["schema", "--wait-s", seconds]:
                return float(seconds)
    return None


RULES: dict[str, Judge] = {
    "namespace": in_its_namespace,
    "non-root": not_root,
    "read-only": confined,
    "limits": bounded,
    "probes": probed,
    "digest": by_digest,
    "no-secret-values": no_secret_values,
    "synced-secrets": secrets_are_synced,
    "no-api-token": no_api_token,
    "spread": spread,
    "disruption-budget": can_be_drained,
    "service-ports": services_lead_somewhere,
    "network-policy": admitted,
    "migration-deadlines": migrations_fit,
    "verified-database": database_is_verified,
}


def policy_problems(deployed: Deployed) -> Iterator[Problem]:
    """Every rule that a component breaks in an environment."""
    for rule, judge in RULES.items():
        for what in judge(deployed):
            yield Problem(rule, what)
