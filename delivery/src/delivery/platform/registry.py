"""The registry: Debian's docker-registry, and the gateway in front of it."""

from __future__ import annotations

import base64
import http.client
import sys
from collections.abc import Mapping, Sequence

import yaml

from delivery.platform.cluster import source_root
from delivery.platform.commands import wait_until
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes


def configuration(layout: Layout, network: Network) -> str:
    """Return docker-registry's YAML: files on disk, this machine only."""
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(layout.registry)},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{network.upstream_port}"},
    }
    return yaml.safe_dump(settings)


def basic_authorization(password: str) -> str:
    """Return the Authorization header of the registry's user."""
    return f"Basic {base64.b64encode(f'AWS:{password}'.encode()).decode()}"


class Registry:
    """Starts both, and answers what the registry holds."""

    def __init__(
        self, layout: Layout, network: Network, processes: Processes, packages: Packages
    ) -> None:
        """Nothing is started yet."""
        self.layout = layout
        self.network = network
        self.processes = processes
        self.packages = packages

    def start(
        self, addresses: Sequence[str], environment: Mapping[str, str], password: str
    ) -> None:
        """Start both; `addresses` are where the gateway listens, without the port.

        `environment` points the gateway at the ECR API.
        """
        root = self.packages.unpack("registry", ("docker-registry",))
        self.layout.registry.mkdir(parents=True, exist_ok=True)
        settings = self.layout.state / "registry.yaml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(configuration(self.layout, self.network), encoding="utf-8")
        self.processes.start(
            "registry", [root / "usr/bin/docker-registry", "serve", settings]
        )
        upstream = f"127.0.0.1:{self.network.upstream_port}"
        self._wait("registry", upstream, "/", {})
        listen = []
        for address in addresses:
            listen += ["--listen", f"{address}:{self.network.registry_port}"]
        self.processes.start(
            "gateway",
            [sys.executable, "-m", "delivery.platform.gateway", *listen]
            + ["--upstream", upstream],
            env={**environment, "PYTHONPATH": str(source_root())},
        )
        login = {"Authorization": basic_authorization(password)}
        self._wait("gateway", self.network.registry, "/v2/", login)

    def stop(self) -> None:
        """End both."""
        self.processes.stop("gateway")
        self.processes.stop("registry")

    def holds(self, repository: str, tag: str) -> bool:
        """Tell whether a tag is there."""
        path = f"/v2/{repository}/manifests/{tag}"
        accept = "application/vnd.docker.distribution.manifest.v2+json"
        upstream = f"127.0.0.1:{self.network.upstream_port}"
        return _status(upstream, path, {"Accept": accept}) == 200

    def _wait(
        self, name: str, address: str, path: str, headers: Mapping[str, str]
    ) -> None:
        try:
            wait_until(
                lambda: _status(address, path, headers) == 200,
                what=f"the {name} on {address}",
                timeout_s=60,
                alive=lambda: self.processes.running(name) is not None,
            )
        except PlatformError as error:
            raise PlatformError(f"{error}: {self.processes.tail(name)}") from error


def _status(address: str, path: str, headers: Mapping[str, str]) -> int:
    """Return the status of a GET, 0 when nobody answers."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
