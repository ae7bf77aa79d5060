"""Pins an overlay to one image by digest, and proves it in the render."""

from __future__ import annotations

from pathlib import Path

import yaml

from delivery.pipeline.digest import parse_digest, short
from delivery.pipeline.errors import StepError
from delivery.pipeline.process import Runner
from delivery.pipeline.render import (
    KubernetesObject,
    images,
    migration_job,
    name_of,
    render,
)


def component(image: str, repository: str, digest: str, scale: dict[str, int]) -> str:
    """The kustomize component that makes ``image`` be ``repository@digest``.

    The migration Job takes the digest into its name, for a Job cannot be changed.

    :param scale: replicas of Deployments that the cluster scaled beyond the overlay.
    """
    job = f"{image}-migrate"
    rename = [
        {
            "op": "replace",
            "path": "/metadata/name",
            "value": f"{job}-{short(digest)}",
        }
    ]
    document: dict[str, object] = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [{"name": image, "newName": repository, "digest": digest}],
        "patches": [
            {
                "target": {"kind": "Job", "name": job},
                "options": {"allowNameChange": True},
                "patch": yaml.safe_dump(rename, sort_keys=False),
            }
        ],
    }
    if scale:
        document["replicas"] = [
            {"name": name, "count": count} for name, count in sorted(scale.items())
        ]
    return yaml.safe_dump(document, sort_keys=False)


def check(objects: list[KubernetesObject], repository: str, digest: str) -> None:
    """Refuse a render that would run anything but ``repository@digest``.

    :raises StepError: it would
    """
    wanted = f"{repository}@{digest}"
    found = images(objects)
    if found != {wanted}:
        raise StepError(
            "not-pinned",
            f"the render must run {wanted} only, it runs {', '.join(sorted(found))}",
        )
    job = name_of(migration_job(objects))
    if not job.endswith(f"-{short(digest)}"):
        raise StepError(
            "job-not-renamed", f"the Job {job} does not carry the digest in its name"
        )


def pin(
    overlay: Path,
    image: str,
    repository: str,
    digest: str,
    runner: Runner,
    scale: dict[str, int] | None = None,
) -> list[KubernetesObject]:
    """Write the pin into the checkout beside ``overlay`` and return what it renders to.

    :raises StepError: the digest is none, or the render does not carry it
    """
    digest = parse_digest(digest)
    target = overlay.parent / "image" / "kustomization.yaml"
    if not target.is_file():
        raise StepError(
            "no-image-component",
            f"{target} is missing: an overlay takes its image there",
        )
    target.write_text(
        component(image, repository, digest, scale or {}), encoding="utf-8"
    )
    objects = render(overlay, runner)
    check(objects, repository, digest)
    return objects
