"""The node's network namespace, and the veth pair that joins it to the host."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from delivery.platform.commands import run
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Network
from delivery.platform.snapshot import parse_mounts

PURPOSE = "joining the cluster's network to the host"
# What the marker says where the folder of namespaces was no mount before ours.
_MOUNTED_BY_US = "the folder of namespaces became a mount with this one\n"


def overlaps(routes: Iterable[Mapping[str, Any]], network: Network) -> list[str]:
    """Return the routes of the machine that the platform's addresses would hide.

    `routes` is the output of `ip -json route show`. Routes of the platform itself
    and the default route do not count.
    """
    found = []
    for route in routes:
        if route["dst"] == "default" or route.get("dev") == network.host_interface:
            continue
        taken = ipaddress.ip_network(route["dst"], strict=False)
        ours = (network.link, network.pods, network.services)
        if taken.version == 4 and any(taken.overlaps(own) for own in ours):
            found.append(f"{route['dst']} on {route.get('dev', 'no device')}")
    return found


def is_mount(folder: Path) -> bool:
    """Tell whether something is mounted there, on the same file system too.

    `Path.is_mount` compares devices, and does not see a folder bound to itself.
    """
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return any(entry.startswith(f"{folder} (") for entry in parse_mounts(mountinfo))


class Link:
    """Makes the namespace and the pair, and takes them away again."""

    def __init__(self, network: Network, marker: Path) -> None:
        """Use the names and addresses of `network`.

        `marker` is a file that exists while the namespace is ours: another
        checkout's platform has one of the same name.
        """
        self.network = network
        self.marker = marker
        self.path = Path("/run/netns") / network.namespace
        self.interface = Path("/sys/class/net") / network.host_interface

    def exists(self) -> bool:
        """Tell whether the namespace is there."""
        return self.path.exists()

    def complete(self) -> bool:
        """Tell whether everything that `make` does is done."""
        if not self.exists():
            return False
        return str(self.network.services) in self._node("route", "show")

    def make(self) -> None:
        """Make both, unless they are there.

        Pods reach the host's end of the pair and nothing beyond: the namespace
        has no default route. Raises PlatformError when the machine's own routes
        use the same addresses, or when the namespace is another platform's.
        """
        if self.exists() and not self.marker.exists():
            raise PlatformError(
                f"the network namespace {self.network.namespace} is another"
                " platform's: take that one down first"
            )
        if self.complete():
            return
        self.remove()
        self._make()

    def _make(self) -> None:
        network = self.network
        taken = overlaps(json.loads(self._host("-json", "route", "show")), network)
        if taken:
            raise PlatformError(
                f"the cluster's addresses are in use by {', '.join(taken)}:"
                " bring that interface down, or set KUBECONFIG to use another cluster"
            )
        host, node = network.host_interface, network.node_interface
        prefix = network.link.prefixlen
        self.marker.parent.mkdir(parents=True, exist_ok=True)
        # `ip netns add` makes a mount of the folder, which `delete` leaves behind.
        mounted = is_mount(self.path.parent)
        self.marker.write_text("" if mounted else _MOUNTED_BY_US, encoding="utf-8")
        self._host("netns", "add", network.namespace)
        pair = ["type", "veth", "peer", "name", node, "netns", network.namespace]
        self._host("link", "add", host, *pair)
        self._host("address", "add", f"{network.host_address}/{prefix}", "dev", host)
        self._host("link", "set", host, "up")
        for subnet in (network.pods, network.services):
            self._host("route", "add", str(subnet), "via", network.node_address)
        self._node("link", "set", "lo", "up")
        self._node("address", "add", f"{network.node_address}/{prefix}", "dev", node)
        self._node("link", "set", node, "up")
        enter = ["nsenter", f"--net={self.path}", "sysctl", "-qw"]
        settings = ["net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]
        run([*enter, *settings], purpose=PURPOSE)
        # A Service's address is rewritten only after a route to it was found. Added
        # last: its presence says that everything above is done.
        self._node("route", "add", str(network.services), "dev", node)

    def remove(self) -> None:
        """Take both away, with the routes; nothing happens when they are not ours."""
        if not self.marker.exists():
            return
        if self.interface.exists():
            self._host("link", "delete", self.network.host_interface)
        if self.exists():
            self._host("netns", "delete", self.network.namespace)
        self._unmount()
        self.marker.unlink()

    def _unmount(self) -> None:
        folder = self.path.parent
        ours = self.marker.read_text(encoding="utf-8") == _MOUNTED_BY_US
        if ours and is_mount(folder) and not any(folder.iterdir()):
            run(["umount", str(folder)], purpose=PURPOSE)

    def _host(self, *words: str) -> str:
        return run(["ip", *words], purpose=PURPOSE)

    def _node(self, *words: str) -> str:
        return run(["ip", "-n", self.network.namespace, *words], purpose=PURPOSE)
