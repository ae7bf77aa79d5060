"""Kubernetes' own schemas, strictly: an unknown field is a mistake, not a remark."""

from __future__ import annotations

from collections.abc import Iterator

import kubernetes_validate

from delivery.pipeline.render import KubernetesObject, name_of

#: The minor version of the clusters on EKS.
KUBERNETES_VERSION = "1.35"
#: Kinds of operators, of which only a cluster that runs the operator has the schema.
CUSTOM_KINDS = frozenset(
    {
        ("external-secrets.io/v1", "ExternalSecret"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("monitoring.coreos.com/v1", "Probe"),
        ("monitoring.coreos.com/v1", "PrometheusRule"),
    }
)


def schema_problems(item: KubernetesObject) -> Iterator[str]:
    """What of an object does not fit its kind's schema."""
    about = f"{item['kind']} {name_of(item)}"
    if (item["apiVersion"], item["kind"]) in CUSTOM_KINDS:
        return
    try:
        kubernetes_validate.validate(item, KUBERNETES_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path) or "its top level"
        yield f"{about}: {place}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{about}: Kubernetes {KUBERNETES_VERSION} has no {item['apiVersion']}"
