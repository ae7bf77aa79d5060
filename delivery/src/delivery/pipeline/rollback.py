"""Rollback: the same deployment with an image that was in production before.

Refused when the database has moved past it: neither component can migrate backwards.
The image itself is asked, in the cluster and on the real database, because it alone
knows which schemas it can serve.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from delivery.pipeline.digest import short
from delivery.pipeline.errors import StepError
from delivery.pipeline.images import Image
from delivery.pipeline.process import Runner, output_of
from delivery.pipeline.releases import ROLLBACK, SUCCESS, Release
from delivery.pipeline.render import (
    KubernetesObject,
    application,
    migration_job,
    name_of,
)
from delivery.pipeline.rollout import (
    Progress,
    State,
    apply_manifest,
    judge_job,
    live_objects,
    wait,
)

PREVIOUS = "previous"
SERVES = ("missing", "behind", "current")
_COMPONENT = "app.kubernetes.io/component"
_CHECK = "schema-check"
#: It is the first pod of a new image: a node may have to start, and to pull it.
SCHEMA_CHECK_S = 600


def released(catalogue: Sequence[Image], history: Sequence[Release]) -> list[Image]:
    """What may be rolled back to, the last in production first.

    The tag alone proves nothing, for the role that builds images can write it.
    """
    served = {record.digest for record in history if record.outcome == SUCCESS}
    found = [item for item in catalogue if item.released and item.digest in served]
    return sorted(found, key=lambda image: image.released[-1], reverse=True)


def running(history: Sequence[Release]) -> str:
    """The digest that production runs; empty: the last deployment left it open.

    :param history: every record of production, the newest first.
    """
    if history and history[0].outcome == SUCCESS:
        return history[0].digest
    return ""


def previous(history: Sequence[Release]) -> str:
    """The last release that served before what was tried last; empty: there is none.

    A rollback, whether it arrived or not, leaves behind what was released after its
    target: that was found bad, and only a release or its name brings it back.

    :param history: every record of production, the newest first.
    """
    served: list[str] = []
    for record in reversed(history):
        known = record.digest in served
        if known and record.kind == ROLLBACK:
            del served[served.index(record.digest) + 1 :]
        elif record.outcome == SUCCESS:
            served = [digest for digest in served if digest != record.digest]
            served.append(record.digest)
    before = [digest for digest in served if digest != history[0].digest]
    return before[-1] if before else ""


def choose(
    target: str, catalogue: Sequence[Image], history: Sequence[Release]
) -> Release:
    """The last good deployment of what ``target`` stands for.

    :param target: ``previous``, a digest or a tag.
    :param history: every record of production, the newest first.
    :raises StepError: it never served production, is running, or means several
    """
    now = running(history)
    wanted = previous(history) if target == PREVIOUS else target
    offered = [item for item in released(catalogue, history) if item.digest != now]
    matches = [
        image for image in offered if wanted == image.digest or wanted in image.tags
    ]
    if len(matches) == 1:
        digest = matches[0].digest
        good = (item for item in history if item.outcome == SUCCESS)
        return next(item for item in good if item.digest == digest)
    if now and wanted == now:
        raise StepError("already-running", f"{target} is what production runs")
    known = ", ".join(f"{i.released[-1]} {i.digest[:19]}" for i in offered) or "none"
    raise StepError(
        "not-released",
        f"{target!r} names no image that is tagged released-* and was deployed to "
        f"production with success; there are: {known}",
    )


def schema_check_job(objects: list[KubernetesObject], digest: str) -> KubernetesObject:
    """A Job that runs the image's own ``schema`` command as the migration would run."""
    job = copy.deepcopy(migration_job(objects))
    _, name = application(objects)
    job["metadata"]["name"] = f"{name}-{_CHECK}-{short(digest)}"
    job["metadata"]["labels"][_COMPONENT] = _CHECK
    job["spec"].update(backoffLimit=2, activeDeadlineSeconds=SCHEMA_CHECK_S)
    job["spec"]["template"]["metadata"]["labels"][_COMPONENT] = _CHECK
    for box in job["spec"]["template"]["spec"]["containers"]:
        box["args"] = ["schema"]
    return job


def read_report(logs: str) -> dict[str, Any]:
    """The last line of the check's log that is a report.

    :raises StepError: there is none
    """
    for line in reversed(logs.splitlines()):
        try:
            report = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(report, dict) and "state" in report:
            return report
    raise StepError("schema-unknown", f"the schema check reported nothing: {logs}")


def refuse_backwards(report: dict[str, Any], digest: str) -> str:
    """One line on how image and database fit.

    :raises StepError: the database is past the image, or in an unknown state
    """
    state = report["state"]
    if state in SERVES:
        return f"the database is {state}: {report.get('database')}, image {digest[:19]}"
    if state == "ahead":
        raise StepError(
            "schema-ahead",
            f"the database has schema {report.get('database')}, which is past "
            f"{report.get('image')} of {digest[:19]}: deploy an image at least as new, "
            "or restore the database as the rollback runbook says",
        )
    raise StepError("schema-unknown", f"the database is {state!r}: look before you go")


def guard_schema(
    objects: list[KubernetesObject],
    digest: str,
    runner: Runner,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> str:
    """Ask the image in the cluster whether it can serve the database there.

    Runs before anything else of the deployment, and leaves only what the deployment
    brings anyway: the configuration that its pods mount.

    :raises StepError: it cannot, or it cannot be asked
    """
    namespace, _ = application(objects)
    job = schema_check_job(objects, digest)
    name = job["metadata"]["name"]
    space = ["--namespace", namespace]
    delete = ["kubectl", "delete", "job", name, "--ignore-not-found", "--wait=true"]
    # With its pods: an answer of an earlier check must not be taken for this one's.
    delete.append("--cascade=foreground")
    output_of(runner, [*delete, *space])
    for item in objects:
        if item["kind"] in ("ConfigMap", "ServiceAccount"):
            apply_manifest(item, runner)
    apply_manifest(job, runner)

    def look() -> list[Progress]:
        live = live_objects(objects, "jobs", runner)
        return [judge_job(item) for item in live if item["metadata"]["name"] == name]

    try:
        limit_s = SCHEMA_CHECK_S + 60.0
        wait(lambda: look() or [_missing(name)], limit_s, clock, sleep, say)
        pod = _answered(live_objects(objects, "pods", runner), name)
        logs = output_of(runner, ["kubectl", "logs", pod, *space])
        return refuse_backwards(read_report(logs), digest)
    finally:
        runner([*delete, *space])


def _answered(pods: list[KubernetesObject], job: str) -> str:
    """Name of the pod that ended well; a Job that succeeds may have failed before.

    :raises StepError: it is gone, and its answer with it
    """
    for pod in pods:
        owners = [item["name"] for item in pod["metadata"].get("ownerReferences", [])]
        if job in owners and pod["status"].get("phase") == "Succeeded":
            return name_of(pod)
    raise StepError(
        "schema-unknown", f"no pod of job/{job} is left to be read: try again"
    )


def _missing(name: str) -> Progress:
    return Progress(f"job/{name}", State.WAITING, "is not there")
