"""What the platform puts into a cluster."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from delivery.platform import workloads
from delivery.platform.layout import Layout, Network

VALUES = {
    "odoo": {"db_password": "a"},
    "gps": {"gps_database_url": "b"},
    "database": {"odoo": "a", "gps": "c"},
}
IMAGE = "127.0.0.1:5000/platform/postgresql:1"


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["kind"], entry["metadata"]["name"]): entry for entry in objects}


@pytest.fixture
def staging() -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of staging on the built cluster, by kind and name."""
    return by_name(workloads.environment_objects("staging", VALUES, IMAGE, True))


Objects = dict[tuple[str, str], dict[str, Any]]


def test_the_namespace_comes_first() -> None:
    objects = workloads.environment_objects("staging", VALUES, IMAGE, True)
    assert objects[0]["kind"] == "Namespace"
    namespaces = {entry["metadata"].get("namespace") for entry in objects[1:]}
    assert namespaces == {"tms-staging"}


def test_the_names_that_overlays_rely_on_are_there(staging: Objects) -> None:
    assert {
        ("Service", "odoo-db"),
        ("Service", "gps-db"),
        ("Secret", "odoo-secrets"),
        ("Secret", "gps-secrets"),
        ("PersistentVolumeClaim", "tms-odoo-data"),
    } <= staging.keys()


def test_secrets_hold_the_entries_of_secrets_manager(staging: Objects) -> None:
    data = staging["Secret", "gps-secrets"]["data"]
    assert {key: b64decode(value).decode() for key, value in data.items()} == (
        VALUES["gps"]
    )


def test_both_services_reach_the_one_database(staging: Objects) -> None:
    pod = staging["StatefulSet", "postgresql"]["spec"]["template"]
    for name in ("odoo-db", "gps-db"):
        spec = staging["Service", name]["spec"]
        assert spec["selector"] == pod["metadata"]["labels"]
        # Server-side apply on 1.20 asks for the protocol of every port.
        assert spec["ports"][0]["protocol"] == "TCP"


def test_the_database_runs_without_privileges(staging: Objects) -> None:
    pod = staging["StatefulSet", "postgresql"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod["initContainers"], *pod["containers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_passwords_are_mounted_in_the_preparation_only(staging: Objects) -> None:
    pod = staging["StatefulSet", "postgresql"]["spec"]["template"]["spec"]

    def mounted(container: dict[str, Any]) -> set[str]:
        return {mount["name"] for mount in container["volumeMounts"]}

    assert "secrets" in mounted(pod["initContainers"][0])
    assert "secrets" not in mounted(pod["containers"][0])


def test_the_database_never_gives_up_durability(staging: Objects) -> None:
    pod = staging["StatefulSet", "postgresql"]["spec"]["template"]["spec"]
    script = staging["ConfigMap", "postgresql"]["data"]["prepare.sh"]
    assert "fsync" not in script + " ".join(pod["containers"][0]["command"])


def test_every_claim_of_the_built_cluster_has_its_volume(
    layout: Layout, staging: Objects
) -> None:
    made = by_name(workloads.cluster_objects(layout, Network()))
    folders = {str(folder) for folder in workloads.volume_folders(layout)}
    assert len(folders) == 4
    for name, mode in workloads.CLAIMS.items():
        claim = staging["PersistentVolumeClaim", name]["spec"]
        volume = made["PersistentVolume", claim["volumeName"]]["spec"]
        reference = {"namespace": "tms-staging", "name": name}
        assert volume["claimRef"] == reference
        assert claim["accessModes"] == volume["accessModes"] == [mode]
        assert volume["local"]["path"] in folders


def test_another_cluster_serves_claims_with_its_default_class() -> None:
    objects = workloads.environment_objects("staging", VALUES, IMAGE, False)
    claim = by_name(objects)["PersistentVolumeClaim", "tms-odoo-data"]["spec"]
    assert claim.keys() == {"accessModes", "resources"}


def test_the_clusters_dns_is_the_node_behind_a_service() -> None:
    made = by_name(workloads.cluster_services(Network()))
    service = made["Service", "kube-dns"]["spec"]
    (subset,) = made["Endpoints", "kube-dns"]["subsets"]
    assert service["clusterIP"] == "10.96.0.10"
    assert subset["addresses"] == [{"ip": "10.89.0.2"}]
    assert subset["ports"] == service["ports"]


def test_the_dns_may_only_look() -> None:
    made = by_name(workloads.cluster_services(Network()))
    (rule,) = made["ClusterRole", "tms-dns"]["rules"]
    assert rule["verbs"] == ["list", "watch"]
    assert rule["resources"] == ["services", "endpoints"]
