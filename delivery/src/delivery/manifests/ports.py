"""Rules about ports: Services lead to pods, policies admit what they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.manifests.deployed import Deployed, pod_spec, selects
from delivery.pipeline.render import KubernetesObject, name_of

#: Protocol and number.
Port = tuple[str, int]


def services_lead_somewhere(deployed: Deployed) -> Iterator[str]:
    """Each port of a Service is one that the pods it selects have."""
    for service in _services(deployed):
        workloads = list(_behind(deployed, service))
        if not workloads:
            yield f"{name_of(service)}: selects no pods"
        for item in workloads:
            for port in service["spec"]["ports"]:
                if _target(item, port) is None:
                    yield (
                        f"{name_of(service)}: port {port['port']} leads to "
                        f"{port['targetPort']}, which {name_of(item)} has not"
                    )


def admitted(deployed: Deployed) -> Iterator[str]:
    """Policies admit to each workload what Services lead to, and nothing else."""
    policies = [item for item in deployed.cloud if item["kind"] == "NetworkPolicy"]
    for item in deployed.workloads:
        labels = item["spec"]["template"]["metadata"]["labels"]
        mine = [
            policy
            for policy in policies
            if selects(policy["spec"]["podSelector"], labels)
        ]
        if not mine:
            yield f"{name_of(item)}: no NetworkPolicy closes its other ports"
            continue
        wanted, given = _served(deployed, item), _given(mine)
        for protocol, number in sorted(wanted - given):
            yield f"{name_of(item)}: no NetworkPolicy admits {protocol} {number}"
        for protocol, number in sorted(given - wanted):
            yield f"{name_of(item)}: {protocol} {number} is open, nothing leads to it"


def _services(deployed: Deployed) -> Iterator[KubernetesObject]:
    return (item for item in deployed.objects if item["kind"] == "Service")


def _behind(
    deployed: Deployed, service: KubernetesObject
) -> Iterator[KubernetesObject]:
    selector = {"matchLabels": service["spec"]["selector"]}
    for item in deployed.workloads:
        if selects(selector, item["spec"]["template"]["metadata"]["labels"]):
            yield item


def _target(item: KubernetesObject, port: KubernetesObject) -> Port | None:
    """Where a Service's port leads; a number may be open for UDP besides TCP."""
    wanted, protocol = port["targetPort"], port.get("protocol", "TCP")
    for box in pod_spec(item)["containers"]:
        for found in box.get("ports", []):
            number: int = found["containerPort"]
            if wanted == found["name"] and protocol == found.get("protocol", "TCP"):
                return protocol, number
            if wanted == number:
                return protocol, number
    return None


def _served(deployed: Deployed, item: KubernetesObject) -> set[Port]:
    targets = (
        _target(item, port)
        for service in _services(deployed)
        if item in _behind(deployed, service)
        for port in service["spec"]["ports"]
    )
    return {target for target in targets if target is not None}


def _given(policies: list[KubernetesObject]) -> set[Port]:
    return {
        (port["protocol"], port["port"])
        for policy in policies
        for rule in policy["spec"].get("ingress", [])
        for port in rule["ports"]
    }
