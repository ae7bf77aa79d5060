"""The local platform as a whole: up, down, status."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

from delivery.platform import cluster, comparison, engine, snapshot, workloads
from delivery.platform.aws import Aws
from delivery.platform.base_images import POSTGRESQL, PYTHON, BaseImages
from delivery.platform.cluster_files import PAUSE_IMAGE
from delivery.platform.commands import wait_until
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl, find_kubectl, own_program
from delivery.platform.kubernetes_build import KubernetesBuild
from delivery.platform.layout import Layout, Network
from delivery.platform.odoo_image import OdooImage
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes
from delivery.platform.registry import Registry
from delivery.platform.steps import Steps
from delivery.secret_entries import ENVIRONMENTS, secret_name

#: Small programs of Debian that the cluster's own programs call.
TOOLS = {
    "iproute2": "ip",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "dpkg-dev": "dpkg-source",
}
GIGABYTE = 1_000_000_000
#: The build of Kubernetes takes 3 GB for a while, images and volumes the rest.
NEEDED_BYTES = 8 * GIGABYTE
COMPONENTS = ("odoo", "gps", "database")
#: Control groups that belong to pods and containers of the platform.
CGROUPS = (cluster.POD_CGROUP, engine.CGROUP)


@dataclass(frozen=True)
class Part:
    """A part of the platform, as `status` shows it."""

    name: str
    up: bool
    where: str


def external_kubeconfig(environ: Mapping[str, str], own: Path) -> Path | None:
    """Return the kubeconfig of a cluster that is not ours, if one is named.

    Raises PlatformError when KUBECONFIG names several files or a missing one.
    """
    named = environ.get("KUBECONFIG", "")
    if not named or Path(named) == own:
        return None
    if not Path(named).is_file():
        raise PlatformError(
            f"KUBECONFIG={named} is not one file: name one kubeconfig, or unset"
            " KUBECONFIG to have a cluster built"
        )
    return Path(named).resolve()


def require_root() -> None:
    """Raise PlatformError for anybody but root."""
    if os.geteuid() != 0:
        raise PlatformError(
            "the local platform makes namespaces, mounts and firewall rules:"
            " run this as root"
        )


def require_space(folder: Path) -> None:
    """Raise PlatformError when the disk of `folder` is too small for the platform."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise PlatformError(
            f"{folder} has {free / GIGABYTE:.1f} GB free and the platform needs"
            f" {NEEDED_BYTES / GIGABYTE:.0f}: free some, or set TMS_PLATFORM_DIR to a"
            " folder on another disk"
        )


class LocalPlatform:
    """Everything the pipelines need, on this machine."""

    def __init__(
        self, layout: Layout, network: Network, environ: Mapping[str, str], steps: Steps
    ) -> None:
        """Put the parts together; nothing is started."""
        self.layout = layout
        self.network = network
        self.environ = environ
        self.steps = steps
        self.processes = Processes(layout.state, layout.logs)
        self.packages = Packages(layout)
        parts = (layout, network, self.processes)
        self.aws = Aws(*parts)
        self.engine = engine.Engine(*parts, self.packages)
        self.registry = Registry(*parts, self.packages)
        self.cluster = cluster.Cluster(*parts, self.packages)
        self.images = BaseImages(
            layout, network, self.packages, self.engine, self.registry
        )

    def up(self) -> None:
        """Bring everything up that is not up, and write the environment file."""
        require_root()
        with self._only_one():
            require_space(self.layout.root)
            external = external_kubeconfig(self.environ, self.layout.kubeconfig)
            self._remember_machine()
            self._start_engine()
            with self.steps.step("AWS APIs, repositories, secrets"):
                self.aws.start()
            password = self.aws.registry_password()
            if external is None:
                kubectl = self._start_cluster(password)
            else:
                kubectl = Kubectl(external)
                self.steps.note(f"using the cluster of KUBECONFIG={external}")
                self._start_registry(["127.0.0.1"], password)
            self._fill_cluster(kubectl, external is None)
            self._write_environment(kubectl)
            self._link_programs()
            self.steps.note(f"everything is up after {self.steps.total_s:.0f} s")

    def down(self) -> list[comparison.Difference]:
        """Take everything down; return what is not as it was before `up`."""
        require_root()
        with self._only_one():
            if not self.layout.snapshot.exists():
                self.steps.note("nothing is up")
                return []
            with self.steps.step("cluster"):
                self.cluster.stop()
            with self.steps.step("registry, AWS APIs, engine"):
                self.registry.stop()
                self.aws.stop()
                self.engine.stop()
                for name in CGROUPS:
                    cluster.remove_cgroups(cluster.CGROUPS, name)
            differences = self._compare_machine()
            if not differences:
                self.layout.remove(self.layout.state)
            return differences

    def status(self) -> list[Part]:
        """Return what is up, and where."""
        network, running = self.network, self.processes.running
        where = {
            "engine": self.engine.host,
            "aws": network.aws_endpoint,
            "registry": f"127.0.0.1:{network.upstream_port}",
            "gateway": network.registry,
            "node": network.api_server,
        }
        parts = [
            Part(name, running(name) is not None, at) for name, at in where.items()
        ]
        if running("node"):
            ready = self.cluster.kubectl.answers("get", "--raw", "/readyz")
            parts.append(Part("cluster", ready, str(self.layout.kubeconfig)))
        return parts

    def sync_secrets(self) -> None:
        """Bring the cluster's Secrets to what Secrets Manager holds now."""
        kubectl = self._current_kubectl()
        for environment in ENVIRONMENTS:
            values = self._secret_values(environment)
            objects = workloads.secrets_of(environment, values)
            kubectl.apply(objects, f"writing the Secrets of {environment}")

    def service_url(self, namespace: str, service: str, port: str | None) -> str:
        """Return the URL at which this machine reaches a Service of the cluster.

        `port` is a port's name; without it the first port counts. Raises
        PlatformError when the Service or the port is not there.
        """
        found = self._current_kubectl().get(
            "service", service, "-n", namespace, purpose=f"looking up {service}"
        )
        return url_of(found, port)

    def odoo_image(self, home: Path) -> str:
        """Return the name of an image whose `/odoo` is the Odoo unpacked in `home`."""
        if self.processes.running("gateway") is None:
            raise PlatformError(
                "no registry is up: run `python -m delivery platform up`"
            )
        return OdooImage(self.network, self.engine, self.registry).provide(home)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Let one `up` or `down` work at a time."""
        self.layout.root.mkdir(parents=True, exist_ok=True)
        with (self.layout.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.steps.note("another `platform up` or `down` is at work: waiting")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remember_machine(self) -> None:
        with self.steps.step("system packages, snapshot of the machine"):
            self.packages.install(TOOLS)
            if not self.layout.snapshot.exists():
                self._look().save(self.layout.snapshot)

    def _look(self) -> snapshot.Snapshot:
        return snapshot.take(self.layout.state, CGROUPS)

    def _compare_machine(self) -> list[comparison.Difference]:
        with self.steps.step("restoring settings, comparing with the snapshot"):
            before = snapshot.Snapshot.load(self.layout.snapshot)
            comparison.restore(before, self._look())
            after = self._look()
            started, ended = comparison.unrelated_processes(before, after)
        self.steps.note(f"processes of others: {started} started, {ended} ended")
        return comparison.compare(before, after)

    def _start_engine(self) -> None:
        with self.steps.step("container engine"):
            said = self.engine.start(self.environ)
        self.steps.note(said)

    def _start_registry(self, addresses: list[str], password: str) -> None:
        with self.steps.step("registry"):
            self.registry.start(addresses, self.aws.environment, password)
            self.engine.log_in(self.network.registry, password)

    def _start_cluster(self, password: str) -> Kubectl:
        build = KubernetesBuild(self.layout, self.packages, self.steps)
        binaries = build.binaries()
        with self.steps.step("packages of the node, its network"):
            programs = self.cluster.programs(binaries)
            self.cluster.prepare_link()
        # containerd pulls from the registry at the host's end of the veth pair.
        self._start_registry(["127.0.0.1", self.network.host_address], password)
        with self.steps.step("cluster"):
            self.images.provide_program(binaries / "pause", PAUSE_IMAGE)
            self.cluster.start(programs, password)
            self.cluster.wait_until_ready()
        return self.cluster.kubectl

    def _fill_cluster(self, kubectl: Kubectl, built: bool) -> None:
        if built:
            for folder in workloads.volume_folders(self.layout):
                folder.mkdir(parents=True, exist_ok=True)
            objects = workloads.cluster_objects(self.layout, self.network)
            kubectl.apply(objects, "setting up the cluster's DNS and storage")
        with self.steps.step("base image with Python"):
            self.python_image = self.images.provide(PYTHON)
        with self.steps.step("base image with PostgreSQL"):
            image = self.images.provide(POSTGRESQL)
        with self.steps.step("namespaces, secrets, databases"):
            for environment in ENVIRONMENTS:
                objects = workloads.environment_objects(
                    environment, self._secret_values(environment), image, built
                )
                kubectl.apply(objects, f"setting up {environment}")
            for environment in ENVIRONMENTS:
                self._wait_for_database(kubectl, environment)
        if built:
            with self.steps.step("names of Services"):
                wait_until(self._names_resolve, what="the cluster's DNS", timeout_s=30)

    def _wait_for_database(self, kubectl: Kubectl, environment: str) -> None:
        kubectl(
            *("rollout", "status", "statefulset/postgresql", "--timeout=180s"),
            *("-n", workloads.namespace_name(environment)),
            purpose=f"waiting for the database of {environment}",
            timeout_s=200,
        )

    def _names_resolve(self) -> bool:
        """Ask the DNS, through its Service, for the last database that was made."""
        namespace = workloads.namespace_name(ENVIRONMENTS[-1])
        name = f"{workloads.DATABASE_SERVICES[-1]}.{namespace}.svc.cluster.local"
        query = dns.message.make_query(name, "A")
        try:
            answer = dns.query.udp(query, self.network.dns_service, timeout=1)
        except (OSError, dns.exception.DNSException):
            return False
        return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)

    def _secret_values(self, environment: str) -> dict[str, dict[str, str]]:
        return {
            component: self.aws.secret(secret_name(environment, component))
            for component in COMPONENTS
        }

    def _current_kubectl(self) -> Kubectl:
        external = external_kubeconfig(self.environ, self.layout.kubeconfig)
        if external is None and self.processes.running("node") is None:
            raise PlatformError(
                "no cluster is up: run `python -m delivery platform up`"
            )
        return Kubectl(external or self.layout.kubeconfig)

    def _write_environment(self, kubectl: Kubectl) -> None:
        values = {
            **self.engine.environment,
            **self.aws.environment,
            "KUBECONFIG": str(kubectl.kubeconfig),
            "ECR_REGISTRY": self.network.registry,
            "BASE_IMAGE": self.python_image,
        }
        lines = [f"export {name}={shlex.quote(text)}" for name, text in values.items()]
        text = "\n".join(lines) + "\n"
        self.layout.environment.write_text(text, encoding="utf-8")

    def _link_programs(self) -> None:
        """Offer the clients that fit the platform under their names, in one folder."""
        self.layout.programs.mkdir(exist_ok=True)
        kubectl, aws = Path(find_kubectl()), own_program("aws")
        for program in (Path(engine.CLIENT), kubectl, aws):
            if os.access(program, os.X_OK):
                link = self.layout.programs / program.name
                link.unlink(missing_ok=True)
                link.symlink_to(program)


def url_of(service: Mapping[str, object], port: str | None) -> str:
    """Return `http://address:port` of a Service object; `port` is a port's name."""
    spec = service["spec"]
    assert isinstance(spec, Mapping)
    for entry in spec.get("ports", ()):
        if port in (None, entry.get("name")):
            return f"http://{spec['clusterIP']}:{entry['port']}"
    raise PlatformError(f"the Service has no port named {port!r}")
