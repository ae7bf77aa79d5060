"""The one-node cluster: brought up, checked, taken down."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import delivery.platform
from delivery.platform import cluster_files as files
from delivery.platform.commands import wait_until
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.layout import Layout, Network
from delivery.platform.link import Link
from delivery.platform.packages import Packages
from delivery.platform.pki import make_keys
from delivery.platform.processes import Processes

NODE_PACKAGES = ("containerd", "runc", "etcd-server", "containernetworking-plugins")
KUBECONFIGS = (
    "admin",
    "controller-manager",
    "scheduler",
    "proxy",
    "kubelet",
    "dns",
)
#: Group of cgroups that the kubelet makes for pods, in every hierarchy.
POD_CGROUP = "kubepods"
CGROUPS = Path("/sys/fs/cgroup")


def source_root() -> Path:
    """Return the folder to put on PYTHONPATH so that `delivery` is found."""
    return Path(delivery.platform.__path__[0]).resolve().parents[1]


class Cluster:
    """One Kubernetes node in namespaces of its own."""

    def __init__(
        self, layout: Layout, network: Network, processes: Processes, packages: Packages
    ) -> None:
        """Nothing is started yet."""
        self.layout = layout
        self.network = network
        self.processes = processes
        self.packages = packages
        self.link = Link(network, layout.state / "link")
        self.kubectl = Kubectl(layout.kubeconfig)

    def programs(self, kubernetes: Path) -> files.Programs:
        """Return the node's programs, downloaded when needed."""
        node = self.packages.unpack("node", NODE_PACKAGES)
        return files.Programs(kubernetes, node)

    def prepare_link(self) -> None:
        """Join the node's network to the host, so that the host can listen there."""
        self.link.make()

    def start(self, programs: files.Programs, registry_password: str) -> None:
        """Start the node, or leave the one that runs as it is."""
        if self.processes.running("node"):
            return
        self.prepare_link()
        self._write_files(programs, registry_password)
        specification = self._write_specification(programs)
        enter = ["nsenter", f"--net={self.link.path}"]
        isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        self.processes.start(
            "node",
            [*enter, *isolate, "--mount-proc", sys.executable]
            + ["-m", "delivery.platform.node", str(specification)],
            env={"PYTHONPATH": str(source_root())},
        )

    def wait_until_ready(self, timeout_s: float = 180) -> None:
        """Wait until the API answers and the node takes pods."""
        try:
            for what, ready in (
                ("the API server", self._api_ready),
                ("the node", self._node_ready),
            ):
                wait_until(
                    ready,
                    what=what,
                    timeout_s=timeout_s,
                    alive=lambda: self.processes.running("node") is not None,
                )
        except PlatformError as error:
            said = self.processes.tail("node")
            logs = self.layout.logs
            raise PlatformError(f"{error}: {said} (logs: {logs}/node*.log)") from error

    def stop(self) -> None:
        """End the node and everything in its namespaces, then remove its traces."""
        started = self.processes.running("node")
        if started:
            # The first process of the node's own process namespace: the kernel ends
            # every other one with it, and their mounts go with the last of them.
            for child in children(started.pid):
                os.kill(child, signal.SIGTERM)
        self.processes.stop("node", grace_s=20)
        self.link.remove()
        remove_cgroups(CGROUPS, POD_CGROUP)
        self._remove_mount_point()
        self.layout.remove(self.layout.cluster)

    def _api_ready(self) -> bool:
        return self.kubectl.answers("get", "--raw", "/readyz")

    def _node_ready(self) -> bool:
        if not self.kubectl.answers("get", "node", files.NODE):
            return False
        node = self.kubectl.get("node", files.NODE, purpose="looking at the node")
        return is_ready(node)

    def _write_files(self, programs: files.Programs, registry_password: str) -> None:
        cluster, network = self.layout.cluster, self.network
        keys = cluster / "keys"
        make_keys(keys, network, files.NODE, dt.datetime.now(dt.UTC))
        for folder in ("cni", "private/var-log", "private/var-lib-cni", "kubelet"):
            (cluster / folder).mkdir(parents=True, exist_ok=True)
        for name in KUBECONFIGS:
            text = files.kubeconfig(network.api_server, keys, name)
            _write_secret(cluster / f"{name}.kubeconfig", text)
        toml = files.containerd_configuration(
            self.layout, network, programs, registry_password
        )
        _write_secret(cluster / "containerd.toml", toml)
        for name, text in (
            ("cni/10-pods.conflist", files.network_configuration(self.layout, network)),
            ("kubelet.yaml", files.kubelet_configuration(self.layout, network)),
            ("proxy.yaml", files.proxy_configuration(self.layout, network)),
            # Pods ask the cluster's own server only; the host's are out of reach.
            ("resolv.conf", f"nameserver {network.node_address}\n"),
        ):
            (cluster / name).write_text(text, encoding="utf-8")
        _mount_point().mkdir(parents=True, exist_ok=True)

    def _write_specification(self, programs: files.Programs) -> Path:
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        for old in self.layout.logs.glob("node-*.log"):
            old.unlink()
        specification: dict[str, Any] = {
            "logs": str(self.layout.logs),
            "private": str(self.layout.cluster / "private"),
            "search_path": programs.search_path,
            "daemons": files.daemons(
                self.layout, self.network, programs, [sys.executable]
            ),
        }
        path = self.layout.cluster / "node.json"
        path.write_text(json.dumps(specification, indent=1), encoding="utf-8")
        return path

    def _remove_mount_point(self) -> None:
        try:
            _mount_point().rmdir()
        except OSError:
            # Something of the machine's own is in it, or it was never made.
            return


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listed.read_text(encoding="utf-8").split()]


def is_ready(node: dict[str, Any]) -> bool:
    """Tell whether a Node object has the condition Ready."""
    conditions = node.get("status", {}).get("conditions", ())
    return any(
        entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions
    )


def remove_cgroups(hierarchies: Path, name: str) -> None:
    """Remove a group and the groups below it from every hierarchy, once empty."""
    for top in sorted(hierarchies.glob(f"*/{name}")) + [hierarchies / name]:
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error:
                raise PlatformError(
                    f"the control group {folder} is still in use: {error.strerror}"
                ) from error


def _mount_point() -> Path:
    return Path("/var/lib/cni")


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
