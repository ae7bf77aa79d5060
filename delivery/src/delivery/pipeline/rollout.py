"""Waits for everything a deployment started, and checks what really runs.

``kubectl rollout status`` sees one Deployment. A deployment of a component is several,
and a migration in front; each is judged here from what the cluster says about it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from delivery.pipeline.errors import StepError, TransportError
from delivery.pipeline.process import Runner, json_of, output_of
from delivery.pipeline.render import (
    KubernetesObject,
    application,
    migration_job,
    name_of,
    workloads,
)

POLL_S = 2.0
_NAME = "app.kubernetes.io/name"
_COMPONENT = "app.kubernetes.io/component"
_ENDED = ("Succeeded", "Failed")
_LATE = "ProgressDeadlineExceeded"
_ARRIVED = "NewReplicaSetAvailable"


class State(enum.Enum):
    """How far one workload or Job is."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """One workload's or Job's state, and why."""

    what: str
    state: State
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.state.value} {self.detail}".rstrip()


def judge_workload(live: KubernetesObject) -> Progress:
    """How far a Deployment or StatefulSet is: every replica updated and available."""
    what = f"{live['kind'].lower()}/{name_of(live)}"
    status: dict[str, Any] = live.get("status", {})
    wanted = live["spec"].get("replicas", 1)
    # Until then its conditions are those of the deployment before.
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return Progress(what, State.WAITING, "not yet seen by its controller")
    late = _late(live)
    if late is not None:
        return Progress(what, State.FAILED, late)
    updated = status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", status.get("readyReplicas", 0))
    present = status.get("replicas", 0)
    detail = f"{updated} updated, {available} available of {wanted}"
    if updated >= wanted and available >= wanted and present <= wanted:
        return Progress(what, State.DONE, detail)
    return Progress(what, State.WAITING, detail)


def _late(live: KubernetesObject) -> str | None:
    """What is said of a Deployment past its progress deadline; None: it is not."""
    for condition in live.get("status", {}).get("conditions", []):
        if condition.get("reason") == _LATE:
            return str(condition.get("message", ""))
    return None


def judge_job(live: KubernetesObject) -> Progress:
    """Whether a Job has completed or failed for good."""
    what = f"job/{name_of(live)}"
    for condition in live.get("status", {}).get("conditions", []):
        if condition.get("status") != "True":
            continue
        if condition["type"] == "Complete":
            return Progress(what, State.DONE)
        if condition["type"] == "Failed":
            return Progress(what, State.FAILED, condition.get("message", ""))
    return Progress(what, State.WAITING)


def judge(
    objects: list[KubernetesObject], live: list[KubernetesObject]
) -> list[Progress]:
    """How far everything in the render is, in the order: Job, then workloads."""
    found = {(item["kind"], name_of(item)): item for item in live}
    result = []
    for item in [migration_job(objects), *workloads(objects)]:
        present = found.get((item["kind"], name_of(item)))
        if present is None:
            what = f"{item['kind'].lower()}/{name_of(item)}"
            result.append(Progress(what, State.WAITING, "is not there"))
        elif item["kind"] == "Job":
            result.append(judge_job(present))
        else:
            result.append(judge_workload(present))
    return result


def wait(
    look: Callable[[], list[Progress]],
    timeout_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> None:
    """Look until everything is done; says only what changed.

    A look that fails on its way to the cluster has seen nothing, and is taken again.

    :raises StepError: something failed for good, or ``timeout_s`` passed
    """
    deadline = clock() + timeout_s
    shown: dict[str, str] = {}
    while True:
        try:
            progress = look()
        except TransportError as error:
            progress = [Progress("the cluster", State.WAITING, error.message)]
        for item in progress:
            if shown.get(item.what) != str(item):
                say(str(item))
                shown[item.what] = str(item)
        failed = [item for item in progress if item.state is State.FAILED]
        if failed:
            raise StepError("rollout-failed", "; ".join(map(str, failed)))
        if all(item.state is State.DONE for item in progress):
            return
        if clock() >= deadline:
            late = [item for item in progress if item.state is not State.DONE]
            raise StepError(
                "rollout-timeout",
                f"not done after {timeout_s:.0f} s: {'; '.join(map(str, late))}",
            )
        sleep(POLL_S)


def live_objects(
    objects: list[KubernetesObject], kinds: str, runner: Runner
) -> list[KubernetesObject]:
    """What the cluster holds of the render's application, of the given ``kinds``."""
    namespace, name = application(objects)
    command = ["kubectl", "get", kinds, "--namespace", namespace]
    listed = json_of(runner, [*command, "--selector", f"{_NAME}={name}", "-o", "json"])
    return list(listed["items"])


def check_running(
    objects: list[KubernetesObject], pods: list[KubernetesObject], digest: str
) -> list[Progress]:
    """How far each container is: done once it is proven to run the image ``digest``.

    Looks at what the kubelet reports, not at what was asked for. Pods that have ended
    (evicted, or a Job's) or are on their way out do not count.

    :raises StepError: a workload has no pod, or runs another image
    """
    found: list[Progress] = []
    for workload in workloads(objects):
        part = workload["metadata"]["labels"][_COMPONENT]
        own = [pod for pod in pods if _serves(pod, part)]
        if not own:
            raise StepError("nothing-runs", f"no pod of {name_of(workload)} is running")
        found += [_proof(pod, box, digest) for pod in own for box in _boxes(pod)]
    return found


def _boxes(pod: KubernetesObject) -> list[str]:
    """Names of the containers that the pod must run."""
    return [box["name"] for box in pod["spec"]["containers"]]


def _proof(pod: KubernetesObject, box: str, digest: str) -> Progress:
    what = f"{name_of(pod)}/{box}"
    statuses = pod["status"].get("containerStatuses", [])
    # Only what was started has an imageID; `image` may be no more than what was asked.
    image = next((item.get("imageID") for item in statuses if item["name"] == box), "")
    if not image:
        return Progress(what, State.WAITING, "runs nothing yet")
    if not image.endswith(f"@{digest}"):
        raise StepError("wrong-digest", f"{what} runs {image}, not {digest}")
    return Progress(what, State.DONE, image)


def _serves(pod: KubernetesObject, part: str) -> bool:
    metadata = pod["metadata"]
    return (
        metadata.get("labels", {}).get(_COMPONENT) == part
        and "deletionTimestamp" not in metadata
        and pod["status"].get("phase") not in _ENDED
    )


def scaled_up(
    objects: list[KubernetesObject], live: list[KubernetesObject]
) -> dict[str, int]:
    """Deployments that the cluster runs with more replicas than the overlay says.

    An autoscaler raised them; a deployment under load must not undo it.
    """
    running = {name_of(item): item["spec"].get("replicas", 1) for item in live}
    result = {}
    for item in workloads(objects):
        asked = item["spec"].get("replicas", 1)
        count = running.get(name_of(item), asked)
        if count > asked:
            result[name_of(item)] = count
    return result


def clear_migrations(
    objects: list[KubernetesObject], live_jobs: list[KubernetesObject], runner: Runner
) -> list[str]:
    """Delete earlier deployments' finished migration Jobs, and return their names.

    The one to come may have the same name, and a Job cannot be changed.

    :raises StepError: another image's migration still runs
    """
    namespace, _ = application(objects)
    coming = name_of(migration_job(objects))
    removed = []
    for job in live_jobs:
        progress = judge_job(job)
        if progress.state is not State.WAITING:
            removed.append(name_of(job))
        elif name_of(job) != coming:
            raise StepError(
                "migration-running",
                f"the migration {name_of(job)} of another deployment still runs: wait "
                "for it, or delete the Job if its deployment is known to be dead",
            )
    for name in removed:
        command = ["kubectl", "delete", "job", name, "--namespace", namespace]
        output_of(runner, [*command, "--wait=true"])
    return removed


def restart_unfinished(
    objects: list[KubernetesObject], live: list[KubernetesObject], runner: Runner
) -> list[str]:
    """Restart the Deployments whose last rollout has not arrived; return their names.

    Their progress deadline counts from that rollout, and once it is past, Kubernetes
    keeps the verdict until a pod gets ready or the pods are to look different. Deployed
    again as it was, now that the migration passes, such a Deployment would be found
    late before its pods have had a chance.
    """
    namespace, _ = application(objects)
    names = [name_of(item) for item in live if _is_unfinished(item)]
    for name in names:
        command = ["kubectl", "rollout", "restart", f"deployment/{name}"]
        output_of(runner, [*command, "--namespace", namespace])
    return names


def _is_unfinished(live: KubernetesObject) -> bool:
    conditions = live.get("status", {}).get("conditions", [])
    reasons = [item["reason"] for item in conditions if item["type"] == "Progressing"]
    return reasons not in ([], [_ARRIVED])


def diagnosis(objects: list[KubernetesObject], runner: Runner) -> str:
    """What an operator would look at next: pods, warnings, the ends of the logs."""
    namespace, name = application(objects)
    own = ["--namespace", namespace, "--selector", f"{_NAME}={name}"]
    space = ["--namespace", namespace]
    questions = (
        ["kubectl", "get", "pods", "-o", "wide", *own],
        ["kubectl", "get", "events", "--field-selector", "type=Warning", *space],
        ["kubectl", "logs", "--all-containers", "--tail=30", "--prefix", *own],
    )
    answers = [runner(question) for question in questions]
    return "\n".join(
        f"$ {' '.join(question)}\n{answer.text.strip()}"
        for question, answer in zip(questions, answers, strict=True)
    )


def apply_manifest(item: KubernetesObject, runner: Runner) -> None:
    """Create one object."""
    output_of(runner, ["kubectl", "apply", "-f", "-"], stdin=json.dumps(item))
