"""The container engine: the one that runs already, or a dockerd of our own."""

from __future__ import annotations

import http.client
import os
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from delivery.platform.commands import run, wait_until
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes

#: What the engine needs of Debian, and the program that shows it is there.
PACKAGES = {"docker.io": "/usr/sbin/dockerd", "iptables": "iptables"}
#: Another docker client may come first on PATH, one that cannot use BuildKit.
CLIENT = "/usr/bin/docker"
DEFAULT_SOCKET = "unix:///var/run/docker.sock"
CGROUP = "tms-engine"
BRIDGE = Path("/sys/class/net/docker0")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float = 5) -> None:
        """Connect to the socket at `path` when the first request is made."""
        super().__init__("localhost", timeout=timeout_s)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def answers(host: str) -> bool:
    """Tell whether an engine answers `/_ping` at a DOCKER_HOST address."""
    scheme, _, rest = host.partition("://")
    connection: http.client.HTTPConnection
    if scheme == "unix":
        connection = UnixConnection(rest)
    elif scheme in ("tcp", "http"):
        connection = http.client.HTTPConnection(rest, timeout=5)
    else:
        return False
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def running_engine(environ: Mapping[str, str], own: str) -> str | None:
    """Return the address of the engine that the environment offers.

    `own` is the address of the platform's engine, which does not count.

    Raises PlatformError when DOCKER_HOST names one that does not answer.
    """
    named = environ.get("DOCKER_HOST")
    if named and named != own:
        if answers(named):
            return named
        raise PlatformError(
            f"no engine answers at DOCKER_HOST={named}: start it, or unset DOCKER_HOST"
            " to have one started"
        )
    return DEFAULT_SOCKET if answers(DEFAULT_SOCKET) else None


def exec_root(layout: Layout) -> Path:
    """Folder for what an engine of this platform keeps while it runs."""
    return layout.state / "engine"


def daemon_command(layout: Layout, network: Network) -> list[str]:
    """Return the command line of dockerd.

    It gets mounts of its own: what it mounts is gone when it ends, even when it
    is killed.
    """
    return [
        *("unshare", "--mount", "--propagation", "slave"),
        *("/usr/sbin/dockerd", f"--host=unix://{layout.engine_socket}"),
        f"--pidfile={layout.state}/docker.pid",
        f"--data-root={layout.engine}",
        f"--exec-root={exec_root(layout)}",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        f"--cgroup-parent=/{CGROUP}",
        f"--bip={network.engine_bridge}",
        # Nothing is published with IPv6, and ip6tables stays untouched.
        "--ip6tables=false",
        "--userland-proxy=false",
    ]


class Engine:
    """Runs docker against the engine of this platform."""

    def __init__(
        self, layout: Layout, network: Network, processes: Processes, packages: Packages
    ) -> None:
        """Nothing is started yet."""
        self.layout = layout
        self.network = network
        self.processes = processes
        self.packages = packages
        self.host = f"unix://{layout.engine_socket}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point docker at this engine and at its own login file."""
        return {
            "DOCKER_HOST": self.host,
            "DOCKER_CONFIG": str(self.layout.state / "docker"),
            "DOCKER_BUILDKIT": "1",
        }

    def start(self, environ: Mapping[str, str]) -> str:
        """Use the running engine or start one; return a line that says which."""
        if not self.processes.running("engine"):
            self.processes.stop("engine")
            offered = running_engine(environ, self.host)
            if offered:
                self.host = offered
                return f"using the engine at {offered}"
        self.packages.install(PACKAGES)
        self.layout.engine.mkdir(parents=True, exist_ok=True)
        # dockerd would set the FORWARD policy to DROP if it had to do this itself.
        run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], purpose="allowing forwarding")
        self.processes.start("engine", daemon_command(self.layout, self.network))
        try:
            wait_until(
                lambda: answers(self.host),
                what="dockerd",
                timeout_s=60,
                alive=lambda: self.processes.running("engine") is not None,
            )
        except PlatformError as error:
            raise PlatformError(f"{error}: {self.processes.tail('engine')}") from error
        return f"started dockerd, DOCKER_HOST={self.host}"

    def stop(self) -> None:
        """End our own engine with its containers; leave an engine of others alone."""
        if self.processes.running("engine"):
            running = self.docker("ps", "-q", purpose="listing containers").split()
            if running:
                self.docker("stop", "-t", "5", *running, purpose="stopping containers")
        self.processes.stop("engine", grace_s=30)
        # Its folder tells that the bridge is ours, even of an engine that was killed.
        ours = exec_root(self.layout).exists() and not answers(DEFAULT_SOCKET)
        if ours and BRIDGE.exists():
            delete = ["ip", "link", "delete", BRIDGE.name]
            run(delete, purpose="removing docker's bridge")

    def docker(
        self,
        *words: str | Path,
        purpose: str,
        stdin: str | None = None,
        timeout_s: float = 900,
    ) -> str:
        """Run one docker command and return what it printed."""
        client = CLIENT if os.access(CLIENT, os.X_OK) else "docker"
        return run(
            [client, *words],
            purpose=purpose,
            env=self.environment,
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def log_in(self, registry: str, password: str) -> None:
        """Remember the registry's login in the platform's own docker folder."""
        folder = self.layout.state / "docker"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        words = ("login", "--username", "AWS", "--password-stdin", registry)
        self.docker(*words, purpose=f"logging in to {registry}", stdin=password)

    def import_archive(self, archive: Path, name: str, changes: Sequence[str]) -> None:
        """Make an image of one layer from a tar archive of a root file system."""
        words: list[str | Path] = ["import"]
        for change in changes:
            words += ["--change", change]
        self.docker(*words, archive, name, purpose=f"importing {name}")

    def import_file(self, program: Path, name: str) -> None:
        """Make an image that holds one static program and runs it."""
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "image.tar"
            parts = ["-C", str(program.parent), "--owner=0", "--group=0"]
            words = ["tar", "-cf", str(archive), *parts, program.name]
            run(words, purpose=f"packing {program.name}")
            entry = f'ENTRYPOINT ["/{program.name}"]'
            self.import_archive(archive, name, [entry, "USER 65535:65535"])

    def push(self, name: str) -> None:
        """Push an image to the registry that its name begins with."""
        self.docker("push", "--quiet", name, purpose=f"pushing {name}")
