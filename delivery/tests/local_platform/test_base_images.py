"""Base images made on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.platform import base_images as module
from delivery.platform.base_images import POSTGRESQL, PYTHON, BaseImages
from delivery.platform.engine import Engine
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout, Network
from delivery.platform.packages import Packages, Source
from delivery.platform.processes import Processes
from delivery.platform.registry import Registry

from .doubles import Recorder

SOURCES = [
    Source("http://archive/debian", "bookworm", "main"),
    Source("http://archive/debian", "bookworm-updates", "main"),
]


@pytest.fixture
def images(
    layout: Layout,
    network: Network,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    recorder: Recorder,
) -> BaseImages:
    """Images whose mmdebstrap and docker are recorders and whose registry is empty."""
    packages = Packages(layout)
    monkeypatch.setattr(packages, "refresh_once", lambda: None)
    monkeypatch.setattr(packages, "sources", lambda: SOURCES)
    monkeypatch.setattr(packages, "install", lambda wanted: [])
    monkeypatch.setattr(module, "run", recorder)
    engine = Engine(layout, network, processes, packages)
    monkeypatch.setattr(engine, "docker", lambda *w, **k: recorder(list(w), **k))
    registry = Registry(layout, network, processes, packages)
    monkeypatch.setattr(registry, "holds", lambda repository, tag: False)

    def make(words: list[str]) -> str:
        (layout.images / "python.tar").touch()
        return ""

    recorder.answers = {"unshare": make}
    return BaseImages(layout, network, packages, engine, registry)


def test_an_image_is_made_imported_and_pushed(
    images: BaseImages, recorder: Recorder, network: Network
) -> None:
    name = images.provide(PYTHON)
    assert name.startswith(f"{network.registry}/platform/python:")
    made, imported, pushed = recorder.lines
    assert "mmdebstrap --mode=root" in made
    assert imported.startswith("import --change ENV LANG=C.UTF-8")
    assert pushed == f"push --quiet {name}"
    assert not (images.layout.images / "python.tar").exists()


def test_an_image_that_the_registry_holds_is_not_made_again(
    images: BaseImages, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images.registry, "holds", lambda repository, tag: True)
    images.provide(PYTHON)
    images.provide_program(Path("/k8s/pause"), "platform/pause:1")
    assert recorder.commands == []


def test_a_program_is_imported_and_pushed(
    images: BaseImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        images.engine, "import_file", lambda path, name: done.append((str(path), name))
    )
    monkeypatch.setattr(images.engine, "push", lambda name: done.append((name,)))
    images.provide_program(Path("/k8s/pause"), "platform/pause:1")
    name = f"{images.network.registry}/platform/pause:1"
    assert done == [("/k8s/pause", name), (name,)]


@pytest.mark.parametrize(("sources", "state"), [(SOURCES[:1], "a"), (SOURCES, "b")])
def test_another_archive_is_another_tag(sources: list[Source], state: str) -> None:
    assert PYTHON.key(sources, state) != PYTHON.key(SOURCES, "a")


def test_different_images_have_different_tags() -> None:
    assert PYTHON.key(SOURCES, "a") != POSTGRESQL.key(SOURCES, "a")


def test_the_release_is_the_plain_suite() -> None:
    assert module.release_suite(SOURCES[::-1]) == "bookworm"
    with pytest.raises(PlatformError, match="no suite"):
        module.release_suite(SOURCES[1:])


def test_commands_run_inside_the_new_system() -> None:
    command = module.mmdebstrap_command(POSTGRESQL, SOURCES, Path("/i/p.tar"))
    first, _ = [word for word in command if word.startswith("--customize-hook")]
    assert first.endswith("chroot \"$1\" sh -c 'groupadd --gid 10070 database'")
    assert command[-4:-2] == ["bookworm", "/i/p.tar"]
