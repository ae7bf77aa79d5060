"""What the manifests of all components ask of a cluster together."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from delivery.pipeline.process import run
from delivery.pipeline.render import (
    KubernetesObject,
    application,
    name_of,
    render,
    workloads,
)

pytestmark = pytest.mark.usefixtures("real_kubectl")
ROOT = Path(__file__).resolve().parents[4]
COMPONENTS = ("gps_ingestion_service", "odoo_addons/tms_management")
ENVIRONMENTS = ("staging", "production")
# Both environments must fit a machine of two cores, databases included.
WHOLE_BUDGET_M = 1500
DATABASES_M = 2 * 100
HEALTH_CHECK = "alb.ingress.kubernetes.io/healthcheck-path"


@cache
def overlay(component: str, path: str) -> tuple[KubernetesObject, ...]:
    return tuple(render(ROOT / component / "kube" / path, run))


OVERLAYS = [(name, place) for name in COMPONENTS for place in ENVIRONMENTS]


def millicores(container: KubernetesObject) -> int:
    text = container["resources"]["requests"]["cpu"]
    found = re.fullmatch(r"(\d+)m", text)
    assert found, f"{text} is no number of millicores"
    return int(found[1])


def pod_millicores(item: KubernetesObject) -> int:
    """What the scheduler counts: the containers' sum, or the largest init container."""
    spec = item["spec"]["template"]["spec"]
    starting = [millicores(box) for box in spec.get("initContainers", [])]
    return max(sum(millicores(box) for box in spec["containers"]), *starting, 0)


def most_pods(item: KubernetesObject) -> int:
    """Pods at the busiest moment of a deployment."""
    if item["kind"] == "Job":
        return 1
    rolling = item["spec"]["strategy"].get("rollingUpdate", {})
    return int(item["spec"]["replicas"]) + int(rolling.get("maxSurge", 0))


def test_both_environments_fit_two_cores_while_both_are_deployed() -> None:
    asked = sum(
        most_pods(item) * pod_millicores(item)
        for component, environment in OVERLAYS
        for item in overlay(component, environment)
        if item["kind"] in ("Deployment", "Job")
    )
    assert asked + DATABASES_M <= WHOLE_BUDGET_M


@pytest.mark.parametrize(("component", "environment"), OVERLAYS)
def test_an_overlay_is_one_application_in_its_namespace(
    component: str, environment: str
) -> None:
    objects = list(overlay(component, environment))
    namespace, _name = application(objects)
    assert namespace == f"tms-{environment}"


@pytest.mark.parametrize(("component", "environment"), OVERLAYS)
def test_pods_wait_for_their_schema(component: str, environment: str) -> None:
    for item in workloads(list(overlay(component, environment))):
        spec = item["spec"]["template"]["spec"]
        (first,) = spec["initContainers"]
        assert first["args"][0] == "schema"
        deadline = item["spec"]["progressDeadlineSeconds"]
        assert float(first["args"][-1]) < deadline, "its own message comes first"


@pytest.mark.parametrize(("component", "environment"), OVERLAYS)
def test_every_service_finds_pods(component: str, environment: str) -> None:
    objects = overlay(component, environment)
    pods: list[dict[str, Any]] = [
        item["spec"]["template"] for item in workloads(list(objects))
    ]
    for service in (item for item in objects if item["kind"] == "Service"):
        selector = service["spec"]["selector"].items()
        chosen = [pod for pod in pods if selector <= pod["metadata"]["labels"].items()]
        assert len(chosen) == 1, name_of(service)
        names = {port["name"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_documents_deployments_are_there(environment: str) -> None:
    names = {
        name_of(item)
        for component in COMPONENTS
        for item in overlay(component, environment)
        if item["kind"] == "Deployment"
    }
    assert names == {
        "gps-ingestion-service",
        "tms-odoo",
        "tms-odoo-websocket",
        "tms-odoo-cron",
    }


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_cloud_objects_point_at_what_the_overlay_deploys(
    component: str, environment: str
) -> None:
    portable = overlay(component, environment)
    names = {(item["kind"], name_of(item)) for item in portable}
    for item in overlay(component, f"cloud/{environment}"):
        assert "ENVIRONMENT" not in str(item), "every placeholder is replaced"
        if item["kind"] == "HorizontalPodAutoscaler":
            target = item["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in names
        if item["kind"] == "Ingress":
            paths = item["spec"]["rules"][0]["http"]["paths"]
            backends = {path["backend"]["service"]["name"] for path in paths}
            assert {("Service", name) for name in backends} <= names


@pytest.mark.parametrize(("component", "environment"), OVERLAYS)
def test_the_load_balancer_asks_what_the_cluster_asks(
    component: str, environment: str
) -> None:
    """One that only asks who is alive sends requests to a pod that cannot answer."""
    services = {
        name_of(item): item["spec"]["selector"].items()
        for item in overlay(component, environment)
        if item["kind"] == "Service"
    }
    pods = [
        item["spec"]["template"]
        for item in workloads(list(overlay(component, environment)))
    ]
    (ingress,) = (
        item
        for item in overlay(component, f"cloud/{environment}")
        if item["kind"] == "Ingress"
    )
    asked = ingress["metadata"]["annotations"][HEALTH_CHECK]
    for path in ingress["spec"]["rules"][0]["http"]["paths"]:
        selector = services[path["backend"]["service"]["name"]]
        (pod,) = (pod for pod in pods if selector <= pod["metadata"]["labels"].items())
        ready = pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"]
        assert asked == ready
