"""Where the platform keeps its files, and on which addresses it listens."""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from delivery.platform.errors import PlatformError

#: Linux limits the path of a Unix socket to 108 bytes, the ending zero included.
SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True)
class Layout:
    """The folders of the platform; `root` is `.cache/platform` of a checkout.

    What is outside `state` is a cache: `down` keeps it, and `up` is fast with it.
    """

    root: Path

    @classmethod
    def of_checkout(cls, checkout: Path, environ: Mapping[str, str]) -> Layout:
        """Return the layout of a checkout; TMS_PLATFORM_DIR names another folder.

        Raises PlatformError when the path is relative or too long for the sockets
        that are put below it.
        """
        chosen = environ.get("TMS_PLATFORM_DIR") or str(checkout / ".cache/platform")
        root = Path(chosen)
        if not root.is_absolute() or root == Path("/"):
            raise PlatformError(
                f"the platform's folder {chosen!r} is not usable: set TMS_PLATFORM_DIR"
                " to an absolute path of a folder of its own"
            )
        layout = cls(root)
        longest = max(layout.engine_socket, layout.containerd_socket, key=_length)
        if _length(longest) > SOCKET_PATH_LIMIT:
            raise PlatformError(
                f"{longest} is longer than the {SOCKET_PATH_LIMIT} bytes of a Unix"
                " socket: set TMS_PLATFORM_DIR to a shorter path"
            )
        return layout

    @property
    def apt(self) -> Path:
        """Private package lists and source lists of apt."""
        return self.root / "apt"

    @property
    def packages(self) -> Path:
        """Debian packages unpacked without being installed, one folder each."""
        return self.root / "packages"

    @property
    def kubernetes(self) -> Path:
        """Kubernetes binaries, one folder per version and build flags."""
        return self.root / "kubernetes"

    @property
    def images(self) -> Path:
        """Root file systems of the base images, named by what they were made of."""
        return self.root / "images"

    @property
    def engine(self) -> Path:
        """The container engine's data, kept for its layer cache."""
        return self.root / "engine"

    @property
    def programs(self) -> Path:
        """Links to the clients that fit this platform, for PATH."""
        return self.state / "bin"

    @property
    def engine_socket(self) -> Path:
        """Socket of the engine that the platform starts."""
        return self.state / "docker.sock"

    @property
    def registry(self) -> Path:
        """Blobs and manifests of the registry."""
        return self.root / "registry"

    @property
    def state(self) -> Path:
        """What belongs to a running platform; `down` removes it."""
        return self.root / "state"

    @property
    def logs(self) -> Path:
        """Logs of the last run; they outlive `down`."""
        return self.root / "logs"

    @property
    def cluster(self) -> Path:
        """Keys, configuration, etcd, kubelet and containerd of the cluster."""
        return self.state / "cluster"

    @property
    def containerd_socket(self) -> Path:
        """Socket of the cluster's containerd."""
        return self.cluster / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """Administrator's kubeconfig of the built cluster."""
        return self.cluster / "admin.kubeconfig"

    @property
    def volumes(self) -> Path:
        """Host folders behind the cluster's persistent volumes."""
        return self.state / "volumes"

    @property
    def snapshot(self) -> Path:
        """The machine as it was before `up`."""
        return self.state / "snapshot.json"

    @property
    def environment(self) -> Path:
        """Shell variables that point tools at the running platform."""
        return self.state / "platform.env"

    def remove(self, path: Path) -> None:
        """Delete a folder or file of the platform, and nothing else.

        Raises PlatformError when `path` is not below `root`, before touching it.
        """
        inside = Path(os.path.normpath(path))
        if self.root == Path("/") or self.root not in inside.parents:
            raise PlatformError(f"refusing to delete {path}: it is not in {self.root}")
        if inside.is_symlink() or inside.is_file():
            inside.unlink()
        elif inside.exists():
            shutil.rmtree(inside)


def _length(path: Path) -> int:
    return len(os.fsencode(path))


@dataclass(frozen=True)
class Network:
    """Addresses and ports of the platform, all on this machine."""

    registry_port: int = 5000
    upstream_port: int = 5001
    aws_port: int = 5002
    link: ipaddress.IPv4Network = field(
        default_factory=lambda: ipaddress.IPv4Network("10.89.0.0/30")
    )
    pods: ipaddress.IPv4Network = field(
        default_factory=lambda: ipaddress.IPv4Network("10.90.0.0/24")
    )
    services: ipaddress.IPv4Network = field(
        default_factory=lambda: ipaddress.IPv4Network("10.96.0.0/16")
    )
    engine_bridge: str = "10.91.0.1/24"
    namespace: str = "tms-node"
    host_interface: str = "tms-host"
    node_interface: str = "tms-node"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Network:
        """Read the ports that TMS_*_PORT variables move, the rest as it stands."""
        return cls(
            registry_port=_port(environ, "TMS_REGISTRY_PORT", cls.registry_port),
            upstream_port=_port(environ, "TMS_UPSTREAM_PORT", cls.upstream_port),
            aws_port=_port(environ, "TMS_AWS_PORT", cls.aws_port),
        )

    @property
    def host_address(self) -> str:
        """The host's end of the veth pair."""
        return str(self.link[1])

    @property
    def node_address(self) -> str:
        """The node's end of the veth pair: API server, node ports."""
        return str(self.link[2])

    @property
    def kubernetes_service(self) -> str:
        """Address of the Service `kubernetes`, the first of the range."""
        return str(self.services[1])

    @property
    def dns_service(self) -> str:
        """Address of the Service `kube-dns`, the tenth by convention."""
        return str(self.services[10])

    @property
    def registry(self) -> str:
        """Name of the registry in image references, on the host and in the cluster."""
        return f"127.0.0.1:{self.registry_port}"

    @property
    def aws_endpoint(self) -> str:
        """Base URL of the emulated AWS APIs."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def api_server(self) -> str:
        """Base URL of the Kubernetes API."""
        return f"https://{self.node_address}:6443"


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise PlatformError(f"{name} is {text!r}: give a port from 1 to 65535")
    return int(text)
