"""The node's network namespace and the pair that joins it to the host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delivery.platform import link as module
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Network
from delivery.platform.link import Link, is_mount, overlaps

from .doubles import Recorder

OTHERS = [
    {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
    {"dst": "192.0.2.0/24", "dev": "eth0"},
    {"dst": "10.90.0.0/24", "dev": "tms-host"},
]


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Link:
    """A link whose commands are noted; its namespace is a file in a folder."""
    recorder.answers = {"ip -json route show": json.dumps(OTHERS)}
    monkeypatch.setattr(module, "run", recorder)
    made = Link(Network(), tmp_path / "state/link")
    made.path = tmp_path / "tms-node"
    made.interface = tmp_path / "tms-host"
    return made


def test_routes_of_others_beside_ours_are_no_overlap() -> None:
    assert overlaps(OTHERS, Network()) == []


@pytest.mark.parametrize("taken", ["10.0.0.0/8", "10.96.4.0/24", "10.89.0.1"])
def test_a_route_to_our_addresses_is_an_overlap(taken: str) -> None:
    assert overlaps([{"dst": taken, "dev": "wg0"}], Network()) == [f"{taken} on wg0"]


def test_making_joins_host_and_node(link: Link, recorder: Recorder) -> None:
    link.make()
    lines = recorder.lines
    assert "ip netns add tms-node" in lines
    assert "ip route add 10.96.0.0/16 via 10.89.0.2" in lines
    assert "ip -n tms-node address add 10.89.0.2/30 dev tms-node" in lines
    # The last step is what tells a whole link from a part of one.
    assert lines[-1] == "ip -n tms-node route add 10.96.0.0/16 dev tms-node"
    assert link.marker.exists()


def test_the_node_gets_no_way_out(link: Link, recorder: Recorder) -> None:
    link.make()
    assert not [line for line in recorder.lines if "default" in line]


def test_a_whole_link_is_left_alone(link: Link, recorder: Recorder) -> None:
    link.make()
    link.path.touch()
    recorder.answers["ip -n tms-node route show"] = "10.96.0.0/16 dev tms-node"
    recorder.commands.clear()
    link.make()
    assert recorder.lines == ["ip -n tms-node route show"]


def test_a_part_of_a_link_is_made_anew(link: Link, recorder: Recorder) -> None:
    link.make()
    link.path.touch()
    link.interface.touch()
    recorder.commands.clear()
    link.make()
    deleted = ["ip link delete tms-host", "ip netns delete tms-node"]
    assert recorder.lines[1:3] == deleted
    assert "ip netns add tms-node" in recorder.lines


def test_the_namespace_of_another_platform_is_not_touched(
    link: Link, recorder: Recorder
) -> None:
    link.path.touch()
    with pytest.raises(PlatformError, match="another platform's"):
        link.make()
    link.remove()
    assert recorder.commands == []


def test_addresses_in_use_are_refused_before_anything_is_made(
    link: Link, recorder: Recorder
) -> None:
    routes = [{"dst": "10.96.0.0/12", "dev": "vpn0"}]
    recorder.answers = {"ip -json route show": json.dumps(routes)}
    with pytest.raises(PlatformError, match="10.96.0.0/12 on vpn0"):
        link.make()
    assert recorder.lines == ["ip -json route show"]


def test_removing_twice_is_no_error(link: Link, recorder: Recorder) -> None:
    link.make()
    link.remove()
    recorder.commands.clear()
    link.remove()
    assert recorder.commands == []


def test_a_mount_is_told_from_a_folder(tmp_path: Path) -> None:
    assert is_mount(Path("/proc"))
    assert not is_mount(tmp_path)


@pytest.mark.parametrize(
    ("before", "others", "unmounted"),
    [(False, False, True), (True, False, False), (False, True, False)],
)
def test_the_folder_of_namespaces_is_a_mount_after_only_if_it_was_one_or_is_used(
    link: Link,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    before: bool,
    others: bool,
    unmounted: bool,
) -> None:
    folder = link.marker.parents[1] / "netns"
    folder.mkdir()
    link.path = folder / "tms-node"
    monkeypatch.setattr(module, "is_mount", lambda path: before)
    link.make()
    if others:
        (folder / "another").touch()
    monkeypatch.setattr(module, "is_mount", lambda path: True)
    link.remove()
    assert (f"umount {folder}" in recorder.lines) is unmounted
