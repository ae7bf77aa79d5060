"""Where the platform keeps its files and which addresses it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network


def test_a_checkout_keeps_its_platform_in_its_cache() -> None:
    assert Layout.of_checkout(Path("/src/tms"), {}).root == Path(
        "/src/tms/.cache/platform"
    )


def test_another_folder_can_be_named() -> None:
    environ = {"TMS_PLATFORM_DIR": "/big/disk/p"}
    assert Layout.of_checkout(Path("/src/tms"), environ).root == Path("/big/disk/p")


@pytest.mark.parametrize("folder", ["platform", "./p", "/"])
def test_a_folder_that_is_no_place_of_its_own_is_refused(folder: str) -> None:
    with pytest.raises(PlatformError, match="absolute path"):
        Layout.of_checkout(Path("/src/tms"), {"TMS_PLATFORM_DIR": folder})


def test_a_path_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(PlatformError, match="set TMS_PLATFORM_DIR to a shorter"):
        Layout.of_checkout(Path("/" + "x" * 100), {})


def test_what_is_below_the_root_can_be_deleted(layout: Layout) -> None:
    folder = layout.state / "cluster"
    folder.mkdir(parents=True)
    (folder / "file").write_text("x")
    layout.remove(layout.state)
    assert not layout.state.exists()


def test_a_single_file_can_be_deleted(layout: Layout) -> None:
    layout.root.mkdir()
    (layout.root / "file").write_text("x")
    layout.remove(layout.root / "file")
    assert list(layout.root.iterdir()) == []


def test_deleting_what_is_not_there_is_no_error(layout: Layout) -> None:
    layout.remove(layout.state)


@pytest.mark.parametrize("outside", ["..", "../other", "state/../.."])
def test_nothing_outside_the_root_is_ever_deleted(layout: Layout, outside: str) -> None:
    layout.root.mkdir()
    with pytest.raises(PlatformError, match="refusing to delete"):
        layout.remove(layout.root / outside)
    assert layout.root.exists()


def test_the_root_itself_is_not_deleted(layout: Layout) -> None:
    layout.root.mkdir()
    with pytest.raises(PlatformError, match="refusing to delete"):
        layout.remove(layout.root)


def test_a_link_is_deleted_and_what_it_points_to_stays(layout: Layout) -> None:
    layout.state.mkdir(parents=True)
    target = layout.root.parent / "precious"
    target.mkdir()
    (layout.state / "link").symlink_to(target)
    layout.remove(layout.state / "link")
    assert target.exists()
    assert list(layout.state.iterdir()) == []


def test_the_platform_takes_its_usual_ports() -> None:
    network = Network.from_environment({})
    assert network.registry == "127.0.0.1:5000"
    assert network.aws_endpoint == "http://127.0.0.1:5002"


def test_ports_can_be_moved() -> None:
    network = Network.from_environment({"TMS_REGISTRY_PORT": "5999"})
    assert network.registry == "127.0.0.1:5999"


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(PlatformError, match="TMS_AWS_PORT"):
        Network.from_environment({"TMS_AWS_PORT": port})


def test_the_ends_of_the_pair_and_the_first_services_have_fixed_addresses() -> None:
    network = Network()
    assert (network.host_address, network.node_address) == ("10.89.0.1", "10.89.0.2")
    assert network.kubernetes_service == "10.96.0.1"
    assert network.dns_service == "10.96.0.10"
    assert network.api_server == "https://10.89.0.2:6443"
