"""Configuration of the node's programs, read back as those programs would."""

from __future__ import annotations

import base64
import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from delivery.platform import cluster_files as files
from delivery.platform.layout import Layout, Network
from delivery.platform.pki import make_keys

PROGRAMS = files.Programs(Path("/k8s"), Path("/node"))


def test_containerd_pulls_the_hosts_registry_through_the_pair(layout: Layout) -> None:
    network = Network(registry_port=5003)
    text = files.containerd_configuration(layout, network, PROGRAMS, "s3cret")
    plugin = tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]
    mirror = plugin["registry"]["mirrors"]["127.0.0.1:5003"]
    assert mirror["endpoint"] == ["http://10.89.0.1:5003"]
    login = plugin["registry"]["configs"]["10.89.0.1:5003"]["auth"]
    assert login == {"username": "AWS", "password": "s3cret"}
    assert plugin["sandbox_image"] == "127.0.0.1:5003/platform/pause:1"
    assert plugin["restrict_oom_score_adj"] is True


def test_pods_get_their_addresses_from_the_pod_range(layout: Layout) -> None:
    settings = json.loads(files.network_configuration(layout, Network()))
    bridge = settings["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.90.0.0/24"}]]
    assert bridge["hairpinMode"] is True


def test_the_kubelet_points_pods_at_the_clusters_dns(layout: Layout) -> None:
    settings = yaml.safe_load(files.kubelet_configuration(layout, Network()))
    assert settings["clusterDNS"] == ["10.96.0.10"]
    assert settings["cgroupDriver"] == "cgroupfs"
    assert settings["authentication"]["anonymous"] == {"enabled": False}


def test_the_proxy_leaves_the_machines_limits_alone(layout: Layout) -> None:
    settings = yaml.safe_load(files.proxy_configuration(layout, Network()))
    assert settings["conntrack"]["maxPerCore"] == 0
    assert settings["clusterCIDR"] == "10.90.0.0/24"


def test_the_api_server_listens_on_the_nodes_address_only(layout: Layout) -> None:
    command = files.api_server_command(layout, Network(), PROGRAMS)
    assert command[0] == "/k8s/kube-apiserver"
    assert "--bind-address=10.89.0.2" in command
    assert "--authorization-mode=Node,RBAC" in command


def test_the_node_runs_every_part_of_a_cluster(layout: Layout) -> None:
    started = files.daemons(layout, Network(), PROGRAMS, ["python"])
    assert [entry["name"] for entry in started] == [
        "etcd",
        "apiserver",
        "controller-manager",
        "scheduler",
        "containerd",
        "kubelet",
        "proxy",
        "dns",
    ]


@pytest.mark.parametrize("name", ["etcd", "containerd"])
def test_debians_programs_come_from_the_unpacked_packages(
    layout: Layout, name: str
) -> None:
    started = files.daemons(layout, Network(), PROGRAMS, ["python"])
    (argv,) = [entry["argv"] for entry in started if entry["name"] == name]
    assert argv[0] == f"/node/usr/bin/{name}"


def test_the_nodes_programs_come_first_on_its_search_path() -> None:
    assert PROGRAMS.search_path.startswith("/node/usr/bin:/node/usr/sbin:")
    assert PROGRAMS.network_plugins == Path("/node/usr/lib/cni")


def test_a_kubeconfig_carries_its_credentials(tmp_path: Path) -> None:
    make_keys(tmp_path, Network(), "tms", dt.datetime(2026, 11, 23, tzinfo=dt.UTC))
    text = files.kubeconfig("https://10.89.0.2:6443", tmp_path, "admin")
    settings = yaml.safe_load(text)
    assert settings["clusters"][0]["cluster"]["server"] == "https://10.89.0.2:6443"
    key = settings["users"][0]["user"]["client-key-data"]
    assert base64.b64decode(key) == (tmp_path / "admin.key").read_bytes()
