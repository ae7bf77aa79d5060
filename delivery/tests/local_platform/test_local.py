"""The platform as a whole, its parts replaced by a record of what was asked."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
from pathlib import Path
from threading import Event, Thread
from typing import Any

import dns.message
import dns.query
import pytest

from delivery.platform import cluster, comparison, engine
from delivery.platform import local as module
from delivery.platform import snapshot
from delivery.platform.comparison import Difference
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.kubernetes_build import KubernetesBuild
from delivery.platform.layout import Layout, Network
from delivery.platform.local import LocalPlatform, external_kubeconfig, url_of
from delivery.platform.names import respond, table_of
from delivery.platform.snapshot import Snapshot
from delivery.platform.steps import Steps

SERVICE = {
    "spec": {
        "clusterIP": "10.96.0.7",
        "ports": [{"name": "http", "port": 80}, {"name": "tcp", "port": 5055}],
    }
}


class Machine:
    """A machine on which every part of the platform only notes its calls."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.platform = platform
        self.calls: list[str] = []
        self.applied: list[list[dict[str, Any]]] = []
        self.looks: list[Snapshot] = []


@pytest.fixture
def machine(
    layout: Layout, network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    """A machine with nothing up, seen as root."""
    platform = LocalPlatform(layout, network, {}, Steps(io.StringIO()))
    made = Machine(platform)

    def note(target: object, name: str, answer: object = None) -> None:
        label = f"{type(target).__name__}.{name}"

        def call(*_: object, **__: object) -> object:
            made.calls.append(label)
            return answer

        monkeypatch.setattr(target, name, call)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(module, "NEEDED_BYTES", 0)
    monkeypatch.setattr(cluster, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(comparison, "restore", lambda before, after: None)
    monkeypatch.setattr(
        snapshot,
        "take",
        lambda *_: made.looks.pop(0) if made.looks else Snapshot(),
    )
    monkeypatch.setattr(KubernetesBuild, "binaries", lambda self: tmp_path / "k8s")
    for part, names in (
        (platform.packages, ("install",)),
        (platform.aws, ("start", "stop", "registry_password")),
        (platform.registry, ("start", "stop")),
        (platform.cluster, ("programs", "prepare_link", "start", "stop")),
        (platform.cluster, ("wait_until_ready",)),
        (platform.engine, ("stop", "log_in")),
        (platform.images, ("provide_program",)),
    ):
        for name in names:
            note(part, name)
    note(platform.engine, "start", "started dockerd")
    note(platform.images, "provide", "127.0.0.1:5000/platform/x:1")
    monkeypatch.setattr(platform.aws, "secret", lambda name: {"key": name})
    monkeypatch.setattr(
        Kubectl, "apply", lambda self, objects, purpose: made.applied.append(objects)
    )
    monkeypatch.setattr(Kubectl, "__call__", lambda self, *words, **rest: "")
    monkeypatch.setattr(Kubectl, "get", lambda self, *words, purpose: SERVICE)

    def ask(
        query: dns.message.Message, where: str, timeout: float
    ) -> dns.message.Message:
        metadata = {"name": "gps-db", "namespace": "tms-production"}
        service = {"metadata": metadata, "spec": {"clusterIP": "10.96.0.9"}}
        return respond(query, table_of([service], []))

    monkeypatch.setattr(dns.query, "udp", ask)
    return made


def test_up_goes_from_the_engine_to_the_databases(machine: Machine) -> None:
    machine.platform.up()
    assert machine.calls == [
        "Packages.install",
        "Engine.start",
        "Aws.start",
        "Aws.registry_password",
        "Cluster.programs",
        "Cluster.prepare_link",
        "Registry.start",
        "Engine.log_in",
        "BaseImages.provide_program",
        "Cluster.start",
        "Cluster.wait_until_ready",
        "BaseImages.provide",
        "BaseImages.provide",
    ]
    kinds = [objects[0]["kind"] for objects in machine.applied]
    assert kinds == ["ClusterRole", "Namespace", "Namespace"]


def test_up_says_how_to_reach_everything(machine: Machine) -> None:
    machine.platform.up()
    text = machine.platform.layout.environment.read_text()
    assert f"export ECR_REGISTRY={machine.platform.network.registry}\n" in text
    assert f"export KUBECONFIG={machine.platform.layout.kubeconfig}\n" in text
    assert "export BASE_IMAGE=127.0.0.1:5000/platform/x:1\n" in text


def test_up_offers_the_clients_that_fit(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program in ("docker", "kubectl", "aws"):
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setattr(engine, "CLIENT", str(tmp_path / "docker"))
    monkeypatch.setattr(module, "find_kubectl", lambda: str(tmp_path / "kubectl"))
    monkeypatch.setattr(module, "own_program", lambda name: tmp_path / name)
    machine.platform.up()
    machine.platform.up()
    links = machine.platform.layout.programs.iterdir()
    assert {link.resolve() for link in links} == {
        tmp_path / program for program in ("docker", "kubectl", "aws")
    }


def test_the_machine_is_remembered_once(machine: Machine) -> None:
    machine.looks = [Snapshot(namespaces=["before"]), Snapshot(namespaces=["later"])]
    machine.platform.up()
    machine.platform.up()
    kept = Snapshot.load(machine.platform.layout.snapshot)
    assert kept.namespaces == ["before"]


def test_a_cluster_that_is_there_is_used(machine: Machine, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "theirs"
    kubeconfig.touch()
    machine.platform.environ = {"KUBECONFIG": str(kubeconfig)}
    machine.platform.up()
    assert not [call for call in machine.calls if call.startswith("Cluster.")]
    assert [objects[0]["kind"] for objects in machine.applied] == ["Namespace"] * 2
    text = machine.platform.layout.environment.read_text()
    assert f"export KUBECONFIG={kubeconfig}\n" in text


def test_down_ends_everything_and_forgets(machine: Machine) -> None:
    machine.platform.up()
    machine.calls.clear()
    assert machine.platform.down() == []
    assert machine.calls == ["Cluster.stop", "Registry.stop", "Aws.stop", "Engine.stop"]
    assert not machine.platform.layout.state.exists()


def test_down_reports_what_is_left_and_keeps_the_snapshot(machine: Machine) -> None:
    machine.platform.up()
    left = Snapshot(namespaces=["tms-node"])
    machine.looks = [left, left]
    assert machine.platform.down() == [Difference("namespaces", "tms-node was added")]
    assert machine.platform.layout.snapshot.exists()


def test_down_touches_nothing_when_nothing_is_up(machine: Machine) -> None:
    assert machine.platform.down() == []
    assert machine.calls == []


def test_a_second_command_waits_for_the_first(machine: Machine) -> None:
    waiting = Event()
    machine.platform.steps.note = lambda text: (  # type: ignore[method-assign]
        waiting.set() if "at work: waiting" in text else None
    )
    machine.platform.layout.root.mkdir(parents=True)
    second = Thread(target=machine.platform.up)
    with (machine.platform.layout.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second.start()
        assert waiting.wait(10)
        assert machine.calls == []
    second.join()
    assert machine.calls[0] == "Packages.install"


def test_a_full_disk_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage("/").free
    monkeypatch.setattr(module, "NEEDED_BYTES", 2 * free)
    with pytest.raises(PlatformError, match="GB free and the platform needs"):
        machine.platform.up()


def test_only_root_may(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for command in (machine.platform.up, machine.platform.down):
        with pytest.raises(PlatformError, match="run this as root"):
            command()


def test_a_dns_that_does_not_answer_is_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = dns.query.udp
    silent = [OSError("unreachable"), TimeoutError("silence")]

    def slow(*arguments: Any, **rest: Any) -> dns.message.Message:
        if silent:
            raise silent.pop()
        return answer(*arguments, **rest)

    monkeypatch.setattr(dns.query, "udp", slow)
    machine.platform.up()
    assert silent == []


def test_status_names_every_part(machine: Machine) -> None:
    parts = machine.platform.status()
    assert [part.name for part in parts] == [
        "engine",
        "aws",
        "registry",
        "gateway",
        "node",
    ]
    assert not any(part.up for part in parts)


def test_secrets_are_copied_to_both_environments(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "theirs").touch()
    machine.platform.environ = {"KUBECONFIG": str(tmp_path / "theirs")}
    machine.platform.sync_secrets()
    names = [entry["metadata"]["name"] for entry in machine.applied[0]]
    assert names == ["odoo-secrets", "gps-secrets", "postgresql"]
    assert len(machine.applied) == 2


def test_without_a_cluster_there_is_nothing_to_ask(machine: Machine) -> None:
    with pytest.raises(PlatformError, match="no cluster is up"):
        machine.platform.service_url("tms-staging", "tms-odoo", None)


def test_a_service_is_reached_at_its_address(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    machine.platform.environ = {"KUBECONFIG": str(tmp_path / "theirs")}
    url = machine.platform.service_url("tms-staging", "gps", "tcp")
    assert url == "http://10.96.0.7:5055"


def test_the_first_port_counts_unless_one_is_named() -> None:
    assert url_of(SERVICE, None) == "http://10.96.0.7:80"
    with pytest.raises(PlatformError, match="no port named 'udp'"):
        url_of(SERVICE, "udp")


def test_our_own_kubeconfig_is_no_other_cluster(tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert external_kubeconfig({"KUBECONFIG": str(own)}, own) is None
    assert external_kubeconfig({}, own) is None


@pytest.mark.parametrize("named", ["/no/such/file", "/a:/b"])
def test_a_kubeconfig_that_is_not_one_file_is_refused(named: str) -> None:
    with pytest.raises(PlatformError, match="is not one file"):
        external_kubeconfig({"KUBECONFIG": named}, Path("/own"))
