"""The rule about databases: what knows a password verifies whom it gives it to."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.manifests.deployed import Deployed, containers_of, pod_spec
from delivery.pipeline.render import KubernetesObject, name_of

#: Made by Terraform (modules/bindings/databases.tf), with a path in this folder.
CA_MAP, CA_FOLDER = "database-ca", "/run/database-ca"


def database_is_verified(deployed: Deployed) -> Iterator[str]:
    """Containers with secrets read how to reach the database, over what git says, and
    have its authorities' certificates. Both are optional: local clusters have none.
    """
    for item in deployed.pods:
        volumes = pod_spec(item).get("volumes", [])
        secret = {volume["name"] for volume in volumes if "secret" in volume}
        authorities = {
            volume["name"]
            for volume in volumes
            if volume.get("configMap") == {"name": CA_MAP, "optional": True}
        }
        for box in containers_of(item):
            about = f"{name_of(item)}/{box['name']}"
            mounts = box.get("volumeMounts", [])
            if not secret & {mount["name"] for mount in mounts}:
                continue
            if not any(
                mount["name"] in authorities and mount["mountPath"] == CA_FOLDER
                for mount in mounts
            ):
                yield f"{about}: no optional ConfigMap {CA_MAP} at {CA_FOLDER}"
            wanted = {"name": _settings_of(item), "optional": True}
            # Of two sources with the same variable the later one counts.
            sources = [source.get("configMapRef") for source in box.get("envFrom", [])]
            if wanted not in sources[1:]:
                yield f"{about}: {wanted['name']} is not read, optional, after others"


def _settings_of(item: KubernetesObject) -> str:
    component = item["metadata"]["labels"]["app.kubernetes.io/name"]
    return f"{component}-database"
