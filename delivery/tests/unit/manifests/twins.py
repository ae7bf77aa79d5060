"""Mistakes, each of which one rule must refuse: a healthy deployment is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from delivery.manifests.deployed import Deployed, pod_spec

Object = dict[str, Any]
Spoil = Callable[[Deployed], object]


def _pod(deployed: Deployed) -> Object:
    return pod_spec(deployed.workloads[0])


def _job(deployed: Deployed) -> Object:
    return pod_spec(next(item for item in deployed.pods if item["kind"] == "Job"))


def _migration_may_take(seconds: int) -> Spoil:
    return lambda deployed: deployed.migrations[0]["spec"].update(
        activeDeadlineSeconds=seconds
    )


def _waits_for(*arguments: str) -> Spoil:
    return lambda deployed: _pod(deployed)["initContainers"][0].update(
        args=[*arguments]
    )


def _box(deployed: Deployed) -> Object:
    box: Object = _pod(deployed)["containers"][0]
    return box


def _named(items: list[Object], kind: str) -> Object:
    return next(item for item in items if item["kind"] == kind)


def _image(new: str) -> Spoil:
    return lambda deployed: _box(deployed).update(image=new)


def _variable(**variable: object) -> Spoil:
    return lambda deployed: _box(deployed).setdefault("env", []).append(variable)


def _setting(key: str, value: str) -> Spoil:
    def spoil(deployed: Deployed) -> None:
        _named(deployed.portable, "ConfigMap")["data"][key] = value

    return spoil


def _security(**context: object) -> Spoil:
    return lambda deployed: _box(deployed)["securityContext"].update(context)


def _without_security(deployed: Deployed) -> None:
    del _job(deployed)["containers"][0]["securityContext"]


def _secret(deployed: Deployed) -> None:
    deployed.portable.append(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "odd", "namespace": deployed.namespace},
            "data": {"file": "eA=="},
        }
    )


def _other_environment(deployed: Deployed) -> None:
    source = _named(deployed.cloud, "ExternalSecret")["spec"]["dataFrom"][0]
    source["extract"]["key"] = "tms/elsewhere/gps"


def _no_external_secret(deployed: Deployed) -> None:
    deployed.cloud.remove(_named(deployed.cloud, "ExternalSecret"))


def _same_probe(deployed: Deployed) -> None:
    box = _box(deployed)
    box["readinessProbe"]["httpGet"] = dict(box["livenessProbe"]["httpGet"])


def _spread(change: Callable[[list[Object]], object]) -> Spoil:
    return lambda deployed: change(_pod(deployed)["topologySpreadConstraints"])


def _budget(deployed: Deployed) -> Object:
    return _named(deployed.cloud, "PodDisruptionBudget")


def _another_budget(deployed: Deployed) -> None:
    deployed.cloud.append(_budget(deployed))


def _budget_of_nothing(deployed: Deployed) -> None:
    _another_budget(deployed)
    metadata = {"name": "odd", "namespace": deployed.namespace}
    selector = {"matchLabels": {"app.kubernetes.io/name": "somebody-else"}}
    spec = {"maxUnavailable": 1, "selector": selector}
    deployed.cloud[-1] = {**_budget(deployed), "metadata": metadata, "spec": spec}


def _balancer(deployed: Deployed) -> Object:
    return _named(deployed.cloud, "Service")


def _admitted(deployed: Deployed) -> list[Object]:
    ports: list[Object] = _named(deployed.cloud, "NetworkPolicy")["spec"]["ingress"][0][
        "ports"
    ]
    return ports


def _volume(deployed: Deployed, name: str) -> Object:
    volumes: list[Object] = _job(deployed)["volumes"]
    return next(volume for volume in volumes if volume["name"] == name)


def _without_authorities(deployed: Deployed) -> None:
    mounts = _pod(deployed)["initContainers"][0]["volumeMounts"]
    mounts[:] = [mount for mount in mounts if mount["name"] != "database-ca"]


def _where_database_is(change: Callable[[list[Object]], object]) -> Spoil:
    return lambda deployed: change(_job(deployed)["containers"][0]["envFrom"])


DIGEST = "sha256:" + "a1" * 32
ZERO = "sha256:" + "0" * 64

#: Rule, what is wrong, and how it comes about.
TWINS: tuple[tuple[str, str, Spoil], ...] = (
    (
        "namespace",
        "in another environment",
        lambda d: d.portable[0]["metadata"].update(namespace="default"),
    ),
    (
        "namespace",
        "in the cloud overlay, in none",
        lambda d: d.cloud[0]["metadata"].pop("namespace"),
    ),
    (
        "non-root",
        "the pod does not say so",
        lambda d: _pod(d)["securityContext"].pop("runAsNonRoot"),
    ),
    (
        "non-root",
        "the job runs as root",
        lambda d: _job(d)["securityContext"].update(runAsUser=0),
    ),
    ("non-root", "a container takes it back", _security(runAsNonRoot=False)),
    ("non-root", "a container is root", _security(runAsUser=0)),
    (
        "non-root",
        "any system call",
        lambda d: _pod(d)["securityContext"].pop("seccompProfile"),
    ),
    (
        "read-only",
        "a root file system to write to",
        _security(readOnlyRootFilesystem=False),
    ),
    ("read-only", "the job's container says nothing", _without_security),
    ("read-only", "may gain rights", _security(allowPrivilegeEscalation=True)),
    ("read-only", "privileged", _security(privileged=True)),
    (
        "read-only",
        "a capability is added",
        _security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    ),
    ("read-only", "the host's network", lambda d: _pod(d).update(hostNetwork=True)),
    (
        "read-only",
        "the host's files",
        lambda d: _pod(d)["volumes"].append({"name": "odd", "hostPath": {"path": "/"}}),
    ),
    (
        "limits",
        "no limit of memory",
        lambda d: _box(d)["resources"]["limits"].pop("memory"),
    ),
    (
        "limits",
        "no request of CPU",
        lambda d: _box(d)["resources"]["requests"].pop("cpu"),
    ),
    (
        "limits",
        "the init container has none",
        lambda d: _pod(d)["initContainers"][0].pop("resources"),
    ),
    (
        "probes",
        "never asked whether it is alive",
        lambda d: _box(d).pop("livenessProbe"),
    ),
    ("probes", "no time to start", lambda d: _box(d).pop("startupProbe")),
    ("probes", "ready as soon as it is alive", _same_probe),
    ("digest", "latest", _image("gps-ingestion-service:latest")),
    ("digest", "no tag, which means latest", _image("gps-ingestion-service")),
    ("digest", "a tag", _image("gps-ingestion-service:v1.2.3")),
    (
        "digest",
        "a tag beside the digest",
        _image(f"gps-ingestion-service:latest@{ZERO}"),
    ),
    ("digest", "a real digest in git", _image(f"gps-ingestion-service@{DIGEST}")),
    (
        "digest",
        "the init container's",
        lambda d: _pod(d)["initContainers"][0].update(image="busybox:1"),
    ),
    ("no-secret-values", "a Secret in git", _secret),
    (
        "no-secret-values",
        "a password in the settings",
        _setting("DB_PASSWORD", "hunter2"),
    ),
    (
        "no-secret-values",
        "credentials in an address",
        _setting("GPS_DATABASE", "postgresql://gps:hunter2@gps-db/gps"),
    ),
    (
        "no-secret-values",
        "a token in the environment",
        _variable(name="GPS_ADMIN_TOKEN", value="hunter2"),
    ),
    (
        "no-secret-values",
        "a Secret's key in the environment",
        _variable(
            name="X", valueFrom={"secretKeyRef": {"name": "gps-secrets", "key": "x"}}
        ),
    ),
    (
        "no-secret-values",
        "a whole Secret as the environment",
        lambda d: _box(d)["envFrom"].append({"secretRef": {"name": "gps-secrets"}}),
    ),
    ("synced-secrets", "of another environment", _other_environment),
    ("synced-secrets", "mounted, and made by nobody", _no_external_secret),
    (
        "no-api-token",
        "the default of Kubernetes",
        lambda d: _pod(d).pop("automountServiceAccountToken"),
    ),
    ("spread", "on one node", _spread(lambda found: found.pop())),
    (
        "spread",
        "counts the pods of others",
        _spread(
            lambda found: found[0]["labelSelector"]["matchLabels"].update(
                {"app.kubernetes.io/component": "other"}
            )
        ),
    ),
    (
        "spread",
        "counts no pods",
        _spread(lambda found: found[0].pop("labelSelector")),
    ),
    (
        "disruption-budget",
        "none",
        lambda d: d.cloud.remove(_budget(d)),
    ),
    ("disruption-budget", "two for one pod", _another_budget),
    ("disruption-budget", "for pods that are not there", _budget_of_nothing),
    (
        "disruption-budget",
        "lets no node be drained",
        lambda d: _budget(d)["spec"].update(maxUnavailable=0),
    ),
    (
        "service-ports",
        "to a port by a name that no container has",
        lambda d: _balancer(d)["spec"]["ports"][0].update(targetPort="teltonica"),
    ),
    (
        "service-ports",
        "to a number that nothing listens on",
        lambda d: _balancer(d)["spec"]["ports"][1].update(targetPort=5028),
    ),
    (
        "service-ports",
        "to the pods of somebody else",
        lambda d: _balancer(d)["spec"].update(selector={"app": "other"}),
    ),
    (
        "network-policy",
        "none",
        lambda d: d.cloud.remove(_named(d.cloud, "NetworkPolicy")),
    ),
    (
        "network-policy",
        "for the pods of somebody else",
        lambda d: _named(d.cloud, "NetworkPolicy")["spec"].update(
            podSelector={
                "matchExpressions": [
                    {"key": "app", "operator": "In", "values": ["other"]}
                ]
            }
        ),
    ),
    (
        "network-policy",
        "one protocol of a port forgotten",
        lambda d: _admitted(d).remove({"protocol": "UDP", "port": 5027}),
    ),
    (
        "network-policy",
        "a port that nothing leads to",
        lambda d: _admitted(d).append({"protocol": "TCP", "port": 22}),
    ),
    ("migration-deadlines", "longer than its pods wait", _migration_may_take(960)),
    (
        "migration-deadlines",
        "takes as long as it likes",
        lambda d: d.migrations[0]["spec"].pop("activeDeadlineSeconds"),
    ),
    (
        "migration-deadlines",
        "pods wait longer than their Deployment",
        _waits_for("schema", "--wait-s", "1200"),
    ),
    (
        "migration-deadlines",
        "the default of Kubernetes",
        lambda d: d.workloads[0]["spec"].pop("progressDeadlineSeconds"),
    ),
    ("migration-deadlines", "pods look once", _waits_for("schema")),
    (
        "migration-deadlines",
        "pods do not wait",
        lambda d: _pod(d).pop("initContainers"),
    ),
    ("verified-database", "a container without certificates", _without_authorities),
    (
        "verified-database",
        "certificates of somebody else",
        lambda d: _volume(d, "database-ca")["configMap"].update(name="kube-root-ca"),
    ),
    (
        "verified-database",
        "no pod starts where there are no certificates",
        lambda d: _volume(d, "database-ca")["configMap"].pop("optional"),
    ),
    (
        "verified-database",
        "an address that is not read",
        _where_database_is(lambda sources: sources.pop()),
    ),
    (
        "verified-database",
        "an address that git's own takes the place of",
        _where_database_is(lambda sources: sources.reverse()),
    ),
)
