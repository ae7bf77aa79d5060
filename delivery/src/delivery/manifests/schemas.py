"""Kubernetes' own schemas, strictly: an unknown field is a mistake, not a remark."""

from __future__ import annotations

from collections.abc import Iterator

import kubernetes_validate
from jsonschema import Draft202012Validator

from delivery.manifests.custom_schemas import SPECS, Schema
from delivery.pipeline.render import KubernetesObject, name_of

#: The minor version of the clusters on EKS.
KUBERNETES_VERSION = "1.35"
_NAMES = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "namespace": {"type": "string", "minLength": 1},
        "labels": _NAMES,
        "annotations": _NAMES,
    },
}


def schema_problems(item: KubernetesObject) -> Iterator[str]:
    """What of an object does not fit its kind's schema."""
    about = f"{item['kind']} {name_of(item)}"
    spec = SPECS.get((item["apiVersion"], item["kind"]))
    if spec is not None:
        for problem in Draft202012Validator(_whole(spec)).iter_errors(item):
            place = ".".join(map(str, problem.absolute_path)) or "its top level"
            yield f"{about}: {place}: {problem.message}"
        return
    try:
        kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path) or "its top level"
        yield f"{about}: {place}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{about}: Kubernetes {KUBERNETES_VERSION} has no {item['apiVersion']}"


def _whole(spec: Schema) -> Schema:
    """An object with this `spec`; of its metadata a name is asked."""
    parts = {"apiVersion": {}, "kind": {}, "metadata": _METADATA, "spec": spec}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(parts),
        "properties": parts,
    }
