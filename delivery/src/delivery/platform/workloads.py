"""What the platform puts into a cluster before any component is deployed.

The components' overlays name these things and do not hold them: namespaces,
Secrets, the storage class, the shared claim and the databases. On AWS the same
names stand for EKS, External Secrets, EFS and RDS.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.platform.base_images import DATABASE_UID
from delivery.platform.cluster_files import NODE
from delivery.platform.layout import Layout, Network
from delivery.secret_entries import ENVIRONMENTS

Manifest = dict[str, Any]
SCRIPT = Path(__file__).parent / "files" / "postgresql.sh"
STORAGE_CLASS = "tms-local"
CLAIM_SIZE = "5Gi"
#: Claims of each environment and how many nodes may write to them.
CLAIMS = {"postgresql": "ReadWriteOnce", "tms-odoo-data": "ReadWriteMany"}
DATABASE_PORT = 5432
DATABASE_LABELS = {"app.kubernetes.io/name": "postgresql"}
#: Names under which the components reach their database.
DATABASE_SERVICES = ("odoo-db", "gps-db")


def namespace_name(environment: str) -> str:
    """Return the namespace of an environment."""
    return f"tms-{environment}"


def _object(
    version: str, kind: str, name: str, namespace: str | None = None, **body: Any
) -> Manifest:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {"app.kubernetes.io/managed-by": "tms-platform"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def cluster_services(network: Network) -> list[Manifest]:
    """Return what the built cluster lacks: its DNS, and the right to feed it."""
    rbac = "rbac.authorization.k8s.io"
    role = _object(
        f"{rbac}/v1",
        "ClusterRole",
        "tms-dns",
        rules=[
            {
                "apiGroups": [""],
                "resources": ["services", "endpoints"],
                "verbs": ["list", "watch"],
            }
        ],
    )
    binding = _object(
        f"{rbac}/v1",
        "ClusterRoleBinding",
        "tms-dns",
        roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": "tms-dns"},
        subjects=[{"apiGroup": rbac, "kind": "User", "name": "tms:dns"}],
    )
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    service = _object(
        "v1",
        "Service",
        "kube-dns",
        "kube-system",
        spec={"clusterIP": network.dns_service, "ports": ports},
    )
    endpoints = _object(
        "v1",
        "Endpoints",
        "kube-dns",
        "kube-system",
        subsets=[{"addresses": [{"ip": network.node_address}], "ports": ports}],
    )
    return [role, binding, service, endpoints]


def storage_class() -> Manifest:
    """Return the class of volumes that are folders of the node."""
    return _object(
        "storage.k8s.io/v1",
        "StorageClass",
        STORAGE_CLASS,
        provisioner="kubernetes.io/no-provisioner",
        volumeBindingMode="Immediate",
        reclaimPolicy="Retain",
    )


def volume_folders(layout: Layout) -> list[Path]:
    """Return the folders on the host that the volumes are."""
    return [
        layout.volumes / environment / name
        for environment in ENVIRONMENTS
        for name in CLAIMS
    ]


def volume(layout: Layout, environment: str, name: str, mode: str) -> Manifest:
    """Return a volume of the built cluster: a folder, kept for one claim."""
    affinity = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": [NODE],
    }
    terms = [{"matchExpressions": [affinity]}]
    return _object(
        "v1",
        "PersistentVolume",
        f"{environment}-{name}",
        spec={
            "accessModes": [mode],
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": CLAIM_SIZE},
            "persistentVolumeReclaimPolicy": "Retain",
            # `local` and not hostPath: the kubelet then gives the folder to the
            # pod's fsGroup.
            "local": {"path": str(layout.volumes / environment / name)},
            "claimRef": {"namespace": namespace_name(environment), "name": name},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    )


def claim(environment: str, name: str, mode: str, built: bool) -> Manifest:
    """Return a claim; on a cluster that is not `built` its default class serves it."""
    spec: dict[str, Any] = {
        "accessModes": [mode],
        "resources": {"requests": {"storage": CLAIM_SIZE}},
    }
    if built:
        spec |= {
            "storageClassName": STORAGE_CLASS,
            "volumeName": f"{environment}-{name}",
        }
    namespace = namespace_name(environment)
    return _object("v1", "PersistentVolumeClaim", name, namespace, spec=spec)


def secret(namespace: str, name: str, values: Mapping[str, str]) -> Manifest:
    """Return a Secret whose keys are file names.

    Not as `stringData`: applied again without a key, that would leave the key's value
    in place, and a key that was rotated away would go on opening the door.
    """
    data = {key: b64encode(text.encode()).decode() for key, text in values.items()}
    return _object("v1", "Secret", name, namespace, type="Opaque", data=data)


def secrets_of(
    environment: str, values: Mapping[str, Mapping[str, str]]
) -> list[Manifest]:
    """Return the Secrets of one environment from its entries by component."""
    namespace = namespace_name(environment)
    names = {"odoo": "odoo-secrets", "gps": "gps-secrets", "database": "postgresql"}
    return [secret(namespace, names[key], entry) for key, entry in values.items()]


def database(environment: str, image: str) -> list[Manifest]:
    """Return a PostgreSQL with a volume, behind both components' Services."""
    namespace = namespace_name(environment)
    services = [
        _object(
            "v1",
            "Service",
            name,
            namespace,
            spec={
                "selector": DATABASE_LABELS,
                "ports": [
                    {
                        "name": "postgresql",
                        "port": DATABASE_PORT,
                        "targetPort": "postgresql",
                        "protocol": "TCP",
                    }
                ],
            },
        )
        for name in DATABASE_SERVICES
    ]
    script = _object(
        "v1",
        "ConfigMap",
        "postgresql",
        namespace,
        data={"prepare.sh": SCRIPT.read_text(encoding="utf-8")},
    )
    workload = _object(
        "apps/v1",
        "StatefulSet",
        "postgresql",
        namespace,
        spec={
            "replicas": 1,
            "serviceName": DATABASE_SERVICES[0],
            "selector": {"matchLabels": DATABASE_LABELS},
            "template": {
                "metadata": {"labels": DATABASE_LABELS},
                "spec": _database_pod(image),
            },
        },
    )
    return [script, *services, workload]


def _database_containers(image: str) -> tuple[Manifest, Manifest]:
    """Return what prepares the data directory, and what serves it."""
    mounts = [
        {"name": "data", "mountPath": "/data"},
        {"name": "run", "mountPath": "/run/postgresql"},
    ]
    container: Manifest = {
        "image": image,
        "env": [{"name": "PGDATA", "value": "/data/postgresql"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        },
    }
    prepare = {
        **container,
        "name": "prepare",
        "command": ["sh", "/scripts/prepare.sh"],
        "volumeMounts": [
            *mounts,
            {"name": "scripts", "mountPath": "/scripts"},
            {"name": "secrets", "mountPath": "/secrets"},
        ],
    }
    ready = ["pg_isready", "-q", "-h", "127.0.0.1"]
    serve = {
        **container,
        "name": "postgresql",
        "command": ["postgres", "-c", "listen_addresses=*"],
        "volumeMounts": mounts,
        "ports": [{"name": "postgresql", "containerPort": DATABASE_PORT}],
        "readinessProbe": {
            "exec": {"command": ready},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
        },
    }
    return prepare, serve


def _database_pod(image: str) -> Manifest:
    prepare, serve = _database_containers(image)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": DATABASE_UID,
            "runAsGroup": DATABASE_UID,
            "fsGroup": DATABASE_UID,
            "fsGroupChangePolicy": "OnRootMismatch",
        },
        "initContainers": [prepare],
        "containers": [serve],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "postgresql"}},
            {"name": "run", "emptyDir": {}},
            {"name": "scripts", "configMap": {"name": "postgresql"}},
            {"name": "secrets", "secret": {"secretName": "postgresql"}},
        ],
    }


def environment_objects(
    environment: str, values: Mapping[str, Mapping[str, str]], image: str, built: bool
) -> list[Manifest]:
    """Return everything of one environment, in the order it is applied."""
    return [
        _object("v1", "Namespace", namespace_name(environment)),
        *secrets_of(environment, values),
        *(claim(environment, name, mode, built) for name, mode in CLAIMS.items()),
        *database(environment, image),
    ]


def cluster_objects(layout: Layout, network: Network) -> list[Manifest]:
    """Return what only the built cluster needs: DNS, storage class, volumes."""
    volumes = [
        volume(layout, environment, name, mode)
        for environment in ENVIRONMENTS
        for name, mode in CLAIMS.items()
    ]
    return [*cluster_services(network), storage_class(), *volumes]
