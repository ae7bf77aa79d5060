"""What is in git passes, and each rule refuses the mistake that it is there for."""

from __future__ import annotations

import copy
import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from delivery.cli import main
from delivery.errors import DeliveryError
from delivery.manifests import check
from delivery.manifests.custom_schemas import SPECS
from delivery.manifests.deployed import Deployed, containers_of
from delivery.manifests.policy import RULES, policy_problems
from delivery.manifests.schemas import KUBERNETES_VERSION, schema_problems
from delivery.pipeline.process import run

from .twins import TWINS, Spoil

pytestmark = pytest.mark.usefixtures("real_kubectl")
ROOT = Path(__file__).resolve().parents[4]
PLACES = [
    (component, environment)
    for component in check.COMPONENTS
    for environment in check.ENVIRONMENTS
]


@cache
def in_git(component: str, environment: str) -> Deployed:
    return check.read(ROOT, component, environment, run)


@pytest.fixture
def service() -> Deployed:
    """The GPS service in production, to be spoiled."""
    return copy.deepcopy(in_git("gps_ingestion_service", "production"))


@pytest.mark.parametrize(("component", "environment"), PLACES)
def test_what_is_in_git_keeps_every_rule(component: str, environment: str) -> None:
    assert list(policy_problems(in_git(component, environment))) == []


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [pytest.param(rule, spoil, id=f"{rule}: {what}") for rule, what, spoil in TWINS],
)
def test_a_mistake_is_refused_by_its_own_rule(
    service: Deployed, rule: str, spoil: Spoil
) -> None:
    spoil(service)
    assert {problem.rule for problem in policy_problems(service)} == {rule}


def test_every_rule_has_a_mistake_that_it_refuses() -> None:
    assert {rule for rule, _what, _spoil in TWINS} == set(RULES)


def test_what_has_one_pod_by_design_needs_no_spread_and_no_budget() -> None:
    odoo = copy.deepcopy(in_git("odoo_addons/tms_management", "production"))
    cron = next(i for i in odoo.workloads if i["metadata"]["name"] == "tms-odoo-cron")
    assert cron["spec"]["strategy"]["type"] == "Recreate"
    assert not [p for p in policy_problems(odoo) if "cron" in p.what]
    cron["spec"]["strategy"] = {"type": "RollingUpdate"}
    assert {problem.rule for problem in policy_problems(odoo)} == {
        "spread",
        "disruption-budget",
    }


@pytest.mark.parametrize("environment", check.ENVIRONMENTS)
def test_the_watch_is_in_the_namespace_of_what_it_watches(environment: str) -> None:
    watch = check.read_monitoring(ROOT, environment, run)
    assert list(check.problems(watch)) == []
    assert list(check.foreign_kinds(watch)) == []
    probe, gps_probe, odoo_probe = (
        item for item in watch.cloud if item["kind"] == "Probe"
    )
    hosts = [
        urlsplit(public["spec"]["targets"]["staticConfig"]["static"][0]).hostname
        for public in (gps_probe, odoo_probe)
    ]
    assert hosts == [
        ingress["spec"]["rules"][0]["host"]
        for component in check.COMPONENTS
        for ingress in in_git(component, environment).cloud
        if ingress["kind"] == "Ingress"
    ]
    target = probe["spec"]["targets"]["staticConfig"]
    odoo = in_git("odoo_addons/tms_management", environment)
    (service,) = (
        item
        for item in odoo.portable
        if item["kind"] == "Service" and item["metadata"]["name"] == "tms-odoo"
    )
    port = service["spec"]["ports"][0]["port"]
    assert target == {
        "static": [f"http://tms-odoo.{odoo.namespace}.svc:{port}/tms/ready"],
        "labels": {"namespace": odoo.namespace},
    }
    monitor = next(item for item in watch.cloud if item["kind"] == "PodMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    gps = in_git("gps_ingestion_service", environment)
    (deployment,) = gps.workloads
    template = deployment["spec"]["template"]
    assert wanted <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (box,) = template["spec"]["containers"]
    assert endpoint["port"] in {found["name"] for found in box["ports"]}


def test_the_watch_holds_no_other_kinds() -> None:
    watch = copy.deepcopy(check.read_monitoring(ROOT, "production", run))
    watch.cloud[0]["kind"] = "ClusterRoleBinding"
    (found,) = check.foreign_kinds(watch)
    assert found.startswith("ClusterRoleBinding tms-dashboards: no part of a watch")


@pytest.mark.parametrize("environment", check.ENVIRONMENTS)
def test_nothing_is_served_in_clear(environment: str) -> None:
    """People are sent on to TLS; a post with a token finds no port to go out by."""
    ports = {}
    for component in check.COMPONENTS:
        deployed = in_git(component, environment)
        (ingress,) = (item for item in deployed.cloud if item["kind"] == "Ingress")
        notes = ingress["metadata"]["annotations"]
        listens = json.loads(notes["alb.ingress.kubernetes.io/listen-ports"])
        redirect = notes.get("alb.ingress.kubernetes.io/ssl-redirect")
        ports[ingress["metadata"]["name"]] = (listens, redirect)
    assert ports == {
        "tms-odoo": ([{"HTTP": 80}, {"HTTPS": 443}], "443"),
        "gps-ingestion-service": ([{"HTTPS": 443}], None),
    }


@pytest.mark.parametrize("environment", check.ENVIRONMENTS)
def test_trackers_reach_every_port_that_the_service_opens_for_them(
    environment: str,
) -> None:
    """By a name that the certificates' domain ends; 5027 is open for both protocols."""
    gps = in_git("gps_ingestion_service", environment)
    (settings,) = (item for item in gps.portable if item["kind"] == "ConfigMap")
    opened = {
        int(value) for key, value in settings["data"].items() if key.endswith("_PORT")
    }
    (public,) = (item for item in gps.cloud if item["kind"] == "Service")
    given = {(port["protocol"], port["port"]) for port in public["spec"]["ports"]}
    assert given == {("TCP", 5027), ("UDP", 5027), ("TCP", 5023)}
    assert {number for _protocol, number in given} == opened
    notes = public["metadata"]["annotations"]
    (ingress,) = (item for item in gps.cloud if item["kind"] == "Ingress")
    domain = ingress["spec"]["rules"][0]["host"].removeprefix("gps.")
    name = notes["external-dns.alpha.kubernetes.io/hostname"]
    assert name == f"trackers.{domain}"
    both = "service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener"
    assert notes[both] == "true"


def test_no_list_holds_two_ports_of_one_number_where_kubectl_merges_them() -> None:
    """It would put one protocol in the other's place when the list changes."""
    gps = in_git("gps_ingestion_service", "production")
    lists = [
        item["spec"]["ports"] for item in gps.portable if item["kind"] == "Service"
    ]
    numbers = [[port["port"] for port in ports] for ports in lists]
    numbers += [
        [port["containerPort"] for port in box.get("ports", [])]
        for item in gps.pods
        for box in containers_of(item)
    ]
    assert all(len(set(found)) == len(found) for found in numbers)


def _deployment(deployed: Deployed) -> dict[str, Any]:
    return next(item for item in deployed.portable if item["kind"] == "Deployment")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"replica": 2}, "'replica' was unexpected"),
        ({"replicas": "2"}, "spec.replicas: '2' is not of type 'integer'"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(
    service: Deployed, change: dict[str, object], says: str
) -> None:
    item = _deployment(service)
    assert list(schema_problems(item)) == []
    item["spec"].update(change)
    (problem,) = schema_problems(item)
    assert problem.startswith("Deployment gps-ingestion-service: ")
    assert says in problem


def _rules(item: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = item["spec"]["groups"][0]["rules"][-1]
    return rule


def _store(kind: str, **more: object) -> dict[str, Any]:
    """As Terraform makes it."""
    account = {"name": "secrets-reader"}
    auth = {"jwt": {"serviceAccountRef": account}}
    aws = {"service": "SecretsManager", "region": "ap-south-1", "auth": auth}
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": kind,
        "metadata": {"name": "aws-secrets-manager"},
        "spec": {"provider": {"aws": aws}, **more},
    }


STORES = [
    _store("SecretStore"),
    _store("ClusterSecretStore", conditions=[{"namespaces": ["tms-test"]}]),
]


@pytest.mark.parametrize(
    ("kind", "spoil", "says"),
    [
        (
            "ClusterSecretStore",
            lambda item: item["spec"]["conditions"][0].update(namespaces=[]),
            "spec.conditions.0.namespaces: [] should be non-empty",
        ),
        (
            "ClusterSecretStore",
            lambda item: item["spec"]["provider"]["aws"].update(
                service="SecretManager"
            ),
            "spec.provider.aws.service: 'SecretManager' is not one of",
        ),
        (
            "SecretStore",
            lambda item: item["spec"].update(conditions=[{"namespaces": ["a"]}]),
            "should not be valid under",
        ),
        (
            "SecretStore",
            lambda item: item["metadata"].update(nmae="x"),
            "metadata: Additional properties are not allowed ('nmae'",
        ),
        (
            "ExternalSecret",
            lambda item: item["spec"].pop("dataFrom"),
            "is not valid under any of the given schemas",
        ),
        (
            "ExternalSecret",
            lambda item: item["spec"].update(
                data=[{"secretKey": "a", "remoteRef": {"key": "b", "propery": "c"}}]
            ),
            "spec.data.0.remoteRef: Additional properties are not allowed ('propery'",
        ),
        (
            "ExternalSecret",
            lambda item: item["spec"]["target"].update(creationPolciy="Owner"),
            "spec.target: Additional properties are not allowed ('creationPolciy'",
        ),
        (
            "ExternalSecret",
            lambda item: item["spec"].update(dataFrom=[]),
            "spec.dataFrom: [] should be non-empty",
        ),
        (
            "PodMonitor",
            lambda item: item["spec"]["podMetricsEndpoints"][0].update(port=8000),
            "spec.podMetricsEndpoints.0.port: 8000 is not of type 'string'",
        ),
        (
            "Probe",
            lambda item: item["spec"].update(scrapeTimeout="10"),
            "spec.scrapeTimeout: '10' does not match",
        ),
        (
            "PrometheusRule",
            lambda item: _rules(item).update(anotations={}),
            "Additional properties are not allowed ('anotations'",
        ),
        (
            "PrometheusRule",
            lambda item: _rules(item).pop("expr"),
            "'expr' is a required property",
        ),
    ],
)
def test_what_an_operator_would_not_understand_is_refused(
    kind: str, spoil: Any, says: str
) -> None:
    watch = check.read_monitoring(ROOT, "production", run)
    gps = in_git("gps_ingestion_service", "production")
    objects = [*STORES, *watch.objects, *gps.objects]
    item = copy.deepcopy(next(i for i in objects if i["kind"] == kind))
    assert list(schema_problems(item)) == []
    spoil(item)
    (problem,) = schema_problems(item)
    assert problem.startswith(f"{kind} ") and says in problem


def test_every_kind_of_an_operator_has_a_mistake_that_is_refused() -> None:
    mark = test_what_an_operator_would_not_understand_is_refused.pytestmark[0]
    assert {case[0] for case in mark.args[1]} == {kind for _version, kind in SPECS}


def test_the_schemas_are_those_of_the_clusters_that_terraform_makes() -> None:
    text = (ROOT / "terraform/modules/cluster/variables.tf").read_text()
    block = text[text.index('variable "kubernetes_version"') :]
    version, *_ = re.findall(r'default\s*=\s*"([^"]+)"', block)
    assert version == KUBERNETES_VERSION


def test_a_kind_that_nobody_knows_is_refused(service: Deployed) -> None:
    item = _deployment(service)
    item["apiVersion"] = "apps/v1beta1"
    (problem,) = schema_problems(item)
    assert "has no apps/v1beta1" in problem


def test_both_overlays_are_judged_by_schema_and_policy(service: Deployed) -> None:
    service.cloud[0]["odd"] = 1
    _deployment(service)["metadata"]["namespace"] = "default"
    schema, policy = check.problems(service)
    assert "'odd' was unexpected" in schema
    assert policy.endswith("is in default [namespace]")


def _repository(folder: Path) -> Path:
    for component in check.COMPONENTS:
        shutil.copytree(ROOT / component / "kube", folder / component / "kube")
    shutil.copytree(ROOT / check.MONITORING, folder / check.MONITORING)
    return folder


def test_the_command_is_clean_on_what_is_in_git(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["manifests", str(ROOT)]) == 0
    assert "manifests: CLEAN" in capsys.readouterr().out


def test_the_command_names_what_is_wrong_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _repository(tmp_path)
    base = root / "gps_ingestion_service/kube/base/deployment.yaml"
    text = base.read_text()
    base.write_text(text.replace("runAsNonRoot: true", "runAsNonRoot: false"))
    assert main(["manifests", str(root)]) == 1
    said = capsys.readouterr().out
    for environment in check.ENVIRONMENTS:
        assert f"gps_ingestion_service {environment}: gps-ingestion-service" in said
    assert "manifests: FAILED: 2 problems" in said


def test_an_overlay_that_does_not_render_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _repository(tmp_path)
    (root / "gps_ingestion_service/kube/base/service.yaml").unlink()
    assert main(["manifests", str(root)]) == 2
    assert "service.yaml" in capsys.readouterr().err


def test_without_kubectl_nothing_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["manifests", str(ROOT)]) == 3
    assert "manifests: NOT CHECKED: kubectl" in capsys.readouterr().out


def test_an_error_of_kustomize_says_which_overlay(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="kube/staging"):
        check.read(tmp_path, "gps_ingestion_service", "staging", run)
