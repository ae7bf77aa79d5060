"""Kubernetes' own schemas, strictly: an unknown field is a mistake, not a remark."""

from __future__ import annotations

from collections.abc import Iterator

import kubernetes_validate
from jsonschema import Draft202012Validator

from delivery.manifests.custom_schemas import SPECS
from delivery.pipeline.render import KubernetesObject, name_of

#: The minor version of the clusters on EKS.
KUBERNETES_VERSION = "1.35"


def schema_problems(item: KubernetesObject) -> Iterator[str]:
    """What of an object does not fit its kind's schema."""
    about = f"{item['kind']} {name_of(item)}"
    spec = SPECS.get((item["apiVersion"], item["kind"]))
    if spec is not None:
        for problem in Draft202012Validator(spec).iter_errors(item.get("spec", {})):
            place = ".".join(["spec", *map(str, problem.absolute_path)])
            yield f"{about}: {place}: {problem.message}"
        return
    try:
        kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path) or "its top level"
        yield f"{about}: {place}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{about}: Kubernetes {KUBERNETES_VERSION} has no {item['apiVersion']}"
