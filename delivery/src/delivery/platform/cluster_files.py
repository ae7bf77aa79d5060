"""The configuration files and command lines of the one-node cluster."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.platform.layout import Layout, Network

NODE = "tms"
PAUSE_IMAGE = "platform/pause:1"


@dataclass(frozen=True)
class Programs:
    """Folders of the programs that run on the node."""

    kubernetes: Path
    node: Path

    @property
    def containerd(self) -> Path:
        """containerd, its shim and runc are in one folder."""
        return self.node / "usr/bin/containerd"

    @property
    def etcd(self) -> Path:
        """The key-value store behind the API server."""
        return self.node / "usr/bin/etcd"

    @property
    def network_plugins(self) -> Path:
        """Plugins of the Container Network Interface."""
        return self.node / "usr/lib/cni"

    @property
    def search_path(self) -> str:
        """PATH of everything on the node."""
        own = f"{self.node}/usr/bin:{self.node}/usr/sbin"
        return f"{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def kubeconfig(server: str, keys: Path, name: str) -> str:
    """Return a kubeconfig that carries the certificate and key of `name`."""

    def inline(file: str) -> str:
        return base64.b64encode((keys / file).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": inline("ca.crt")}
    user = {
        "client-certificate-data": inline(f"{name}.crt"),
        "client-key-data": inline(f"{name}.key"),
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tms-local", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [
                {"name": "tms-local", "context": {"cluster": "tms-local", "user": name}}
            ],
            "current-context": "tms-local",
        }
    )


def containerd_configuration(
    layout: Layout, network: Network, programs: Programs, password: str
) -> str:
    """Return containerd's TOML.

    Images are named by the registry's address on the host; containerd reaches it
    at the host's end of the veth pair, with the registry's login.
    """
    plugin = 'plugins."io.containerd.grpc.v1.cri"'
    endpoint = f"{network.host_address}:{network.registry_port}"
    return f"""version = 2
root = "{layout.cluster}/containerd/root"
state = "/run/containerd"
[grpc]
address = "{layout.containerd_socket}"
[{plugin}]
sandbox_image = "{network.registry}/{PAUSE_IMAGE}"
# The machine may lack the capability to lower a process's OOM score.
restrict_oom_score_adj = true
disable_tcp_service = true
stream_server_address = "127.0.0.1"
[{plugin}.cni]
bin_dir = "{programs.network_plugins}"
conf_dir = "{layout.cluster}/cni"
[{plugin}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[{plugin}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{plugin}.containerd.runtimes.runc.options]
SystemdCgroup = false
[{plugin}.registry.mirrors."{network.registry}"]
endpoint = ["http://{endpoint}"]
[{plugin}.registry.configs."{endpoint}".auth]
username = "AWS"
password = "{password}"
"""


def network_configuration(layout: Layout, network: Network) -> str:
    """Return the CNI configuration: one bridge, one address range for all pods."""
    addresses = {
        "type": "host-local",
        "dataDir": f"{layout.cluster}/addresses",
        "ranges": [[{"subnet": str(network.pods)}]],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "isDefaultGateway": True,
        "ipMasq": False,
        # A pod may call the Service that it is itself behind.
        "hairpinMode": True,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    plugins = [bridge, ports]
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": plugins})


def kubelet_configuration(layout: Layout, network: Network) -> str:
    """Return the KubeletConfiguration."""
    keys = layout.cluster / "keys"
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node_address,
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [network.dns_service],
        "resolvConf": f"{layout.cluster}/resolv.conf",
        "podCIDR": str(network.pods),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{keys}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{keys}/kubelet.crt",
        "tlsPrivateKeyFile": f"{keys}/kubelet.key",
        "oomScoreAdj": 0,
        # The disk is the developer's own: only a nearly full one is a reason to
        # throw pods out, and images are never collected behind a pipeline's back.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "volumePluginDir": f"{layout.cluster}/kubelet/plugins",
    }
    return yaml.safe_dump(settings)


def proxy_configuration(layout: Layout, network: Network) -> str:
    """Return the KubeProxyConfiguration; conntrack limits stay the machine's."""
    settings: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": str(network.pods),
        "hostnameOverride": NODE,
        "oomScoreAdj": 0,
        "clientConnection": {"kubeconfig": f"{layout.cluster}/proxy.kubeconfig"},
        "conntrack": {
            "maxPerCore": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    return yaml.safe_dump(settings)


def api_server_command(
    layout: Layout, network: Network, programs: Programs
) -> list[str]:
    """Return the command line of the API server."""
    keys = layout.cluster / "keys"
    return [
        f"{programs.kubernetes}/kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        "--secure-port=6443",
        f"--bind-address={network.node_address}",
        f"--advertise-address={network.node_address}",
        f"--service-cluster-ip-range={network.services}",
        f"--client-ca-file={keys}/ca.crt",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        f"--service-account-key-file={keys}/service-accounts.pub",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-client-certificate={keys}/apiserver-kubelet.crt",
        f"--kubelet-client-key={keys}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=false",
    ]


def control_plane(
    layout: Layout, network: Network, programs: Programs
) -> dict[str, list[str]]:
    """Return the command line of each part of the control plane, by its name."""
    cluster, binaries = layout.cluster, programs.kubernetes
    keys = cluster / "keys"
    client = "http://127.0.0.1:2379"
    return {
        "etcd": [
            *(str(programs.etcd), f"--data-dir={cluster}/etcd"),
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
            "--listen-peer-urls=http://127.0.0.1:2380",
        ],
        "apiserver": api_server_command(layout, network, programs),
        "controller-manager": [
            f"{binaries}/kube-controller-manager",
            f"--kubeconfig={cluster}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={keys}/service-accounts.key",
            f"--root-ca-file={keys}/ca.crt",
            f"--cluster-signing-cert-file={keys}/ca.crt",
            f"--cluster-signing-key-file={keys}/ca.key",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        ],
        "scheduler": [
            f"{binaries}/kube-scheduler",
            f"--kubeconfig={cluster}/scheduler.kubeconfig",
            "--leader-elect=false",
        ],
    }


def daemons(
    layout: Layout, network: Network, programs: Programs, python: list[str]
) -> list[dict[str, Any]]:
    """Return what runs on the node: name and command line of each."""
    cluster, binaries = layout.cluster, programs.kubernetes
    commands = {
        **control_plane(layout, network, programs),
        "containerd": [
            str(programs.containerd),
            "--config",
            f"{cluster}/containerd.toml",
        ],
        "kubelet": [
            f"{binaries}/kubelet",
            f"--config={cluster}/kubelet.yaml",
            f"--kubeconfig={cluster}/kubelet.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={network.node_address}",
            f"--root-dir={cluster}/kubelet",
            f"--cert-dir={cluster}/kubelet/pki",
            "--container-runtime=remote",
            f"--container-runtime-endpoint=unix://{layout.containerd_socket}",
        ],
        "proxy": [f"{binaries}/kube-proxy", f"--config={cluster}/proxy.yaml"],
        "dns": [
            *(*python, "-m", "delivery.platform.name_server"),
            *("--kubeconfig", f"{cluster}/dns.kubeconfig"),
            *("--address", network.node_address),
        ],
    }
    return [{"name": name, "argv": argv} for name, argv in commands.items()]
