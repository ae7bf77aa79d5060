"""Starting and ending the node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from delivery.platform import cluster as module
from delivery.platform.cluster import Cluster, children, is_ready, remove_cgroups
from delivery.platform.cluster_files import Programs
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages
from delivery.platform.processes import Processes, Started

PROGRAMS = Programs(Path("/k8s"), Path("/node"))


@pytest.fixture
def cluster(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Cluster:
    """A cluster whose node is a program that sleeps."""
    made = Cluster(layout, network, processes, Packages(layout))
    monkeypatch.setattr(made.link, "make", lambda: None)
    monkeypatch.setattr(module, "_mount_point", lambda: tmp_path / "cni")
    monkeypatch.setattr(module, "CGROUPS", tmp_path / "cgroups")
    start = processes.start

    def sleep_instead(name: str, argv: list[Any], env: dict[str, str]) -> Started:
        assert [str(word) for word in argv[:2]] == [
            "nsenter",
            "--net=/run/netns/tms-node",
        ]
        assert "--kill-child" in argv
        return start(name, ["sh", "-c", "sleep 600; true"], env)

    monkeypatch.setattr(processes, "start", sleep_instead)
    return made


def test_starting_writes_what_the_daemons_read(cluster: Cluster) -> None:
    cluster.start(PROGRAMS, "s3cret")
    folder = cluster.layout.cluster
    assert "s3cret" in (folder / "containerd.toml").read_text()
    secret = ("containerd.toml", "admin.kubeconfig", "keys/ca.key")
    assert {(folder / name).stat().st_mode & 0o777 for name in secret} == {0o600}
    specification = json.loads((folder / "node.json").read_text())
    assert len(specification["daemons"]) == 8
    assert (folder / "resolv.conf").read_text() == "nameserver 10.89.0.2\n"


def test_a_node_that_runs_is_left_alone(cluster: Cluster) -> None:
    cluster.start(PROGRAMS, "one")
    first = cluster.processes.running("node")
    cluster.start(PROGRAMS, "two")
    assert cluster.processes.running("node") == first
    assert "one" in (cluster.layout.cluster / "containerd.toml").read_text()


def test_stopping_ends_the_node_and_removes_its_files(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "cgroups/memory/kubepods/pod1").mkdir(parents=True)
    cluster.start(PROGRAMS, "x")
    cluster.stop()
    assert cluster.processes.running("node") is None
    assert not cluster.layout.cluster.exists()
    assert not (tmp_path / "cgroups/memory/kubepods").exists()
    assert not (tmp_path / "cni").exists()


def test_results_of_the_machines_own_plugins_stay(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "cni/results").mkdir(parents=True)
    cluster.stop()
    assert (tmp_path / "cni/results").exists()


def test_a_node_that_ended_says_why(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kubectl, "answers", lambda self, *words: False)
    with pytest.raises(PlatformError, match="the API server ended .*node"):
        cluster.wait_until_ready()


def test_it_is_ready_when_api_and_node_are(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}

    def answers(self: object, *words: str) -> bool:
        asked.append(" ".join(words))
        return len(asked) > 2

    monkeypatch.setattr(Kubectl, "answers", answers)
    monkeypatch.setattr(Kubectl, "get", lambda self, *w, purpose: ready)
    cluster.start(PROGRAMS, "x")
    cluster.wait_until_ready()
    assert asked == ["get --raw /readyz"] * 3 + ["get node tms"]


@pytest.mark.parametrize(
    "node", [{}, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}]
)
def test_a_node_without_the_condition_is_not_ready(node: dict[str, Any]) -> None:
    assert not is_ready(node)


def test_a_group_in_use_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory/kubepods").mkdir(parents=True)

    def busy(folder: str) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rmdir", busy)
    with pytest.raises(PlatformError, match="kubepods is still in use"):
        remove_cgroups(tmp_path, "kubepods")


def test_children_of_a_process_are_found() -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        assert child.pid in children(os.getpid())
        child.kill()
