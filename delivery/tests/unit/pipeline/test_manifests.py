"""What the manifests of all components ask of a cluster together."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.pipeline.process import run
from delivery.pipeline.render import (
    KubernetesObject,
    application,
    migration_job,
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
# Tools, logins, the question about the schema, and what is applied.
OTHER_STEPS_MIN = 15
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


def deploying(environment: str) -> dict[str, Any]:
    """The job that deploys to an environment."""
    workflow = ROOT / ".github" / "workflows" / f"deploy-{environment}.yml"
    job: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]["deploy"]
    return job


def waits_s(job: dict[str, Any]) -> tuple[float, float]:
    """How long a deployment waits for its migration, and for every workload."""
    said = [step.get("run", "") for step in job["steps"]]
    waits = [line for line in said if line.startswith("pipeline-step wait ")]
    first, second = (float(line.split("--timeout-s ")[1].split()[0]) for line in waits)
    assert "--migration-only" in waits[0]
    return first, second


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
def test_the_pipeline_waits_as_long_as_a_migration_may_take(
    component: str, environment: str
) -> None:
    job = migration_job(list(overlay(component, environment)))
    migration_s, _everything_s = waits_s(deploying(environment))
    assert migration_s > job["spec"]["activeDeadlineSeconds"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_deployments_job_has_time_for_all_its_waits(environment: str) -> None:
    job = deploying(environment)
    steps_min = sum(step.get("timeout-minutes", 0) for step in job["steps"])
    assert (
        steps_min + sum(waits_s(job)) / 60 + OTHER_STEPS_MIN <= job["timeout-minutes"]
    )


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
        named = chosen[0]["spec"]["containers"][0]["ports"]
        open_ports = {key for port in named for key in port.items()}
        for port in service["spec"]["ports"]:
            target = port["targetPort"]
            key = "name" if isinstance(target, str) else "containerPort"
            assert (key, target) in open_ports, name_of(service)


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
def test_a_deployment_can_bring_its_secrets_before_all_else(
    component: str, environment: str
) -> None:
    """By the selector of the workflow's step; the rest waits for the schema guard."""
    workflow = ROOT / ".github" / "workflows" / f"deploy-{environment}.yml"
    found = re.findall(r"kube/cloud/\S+ --selector (\S+)=(\S+)", workflow.read_text())
    ((label, value),) = found
    first = {
        item["kind"]
        for item in overlay(component, f"cloud/{environment}")
        if item["metadata"]["labels"].get(label) == value
    }
    assert first == {"ExternalSecret"}


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
