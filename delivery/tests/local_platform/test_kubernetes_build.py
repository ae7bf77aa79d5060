"""Building Kubernetes from Debian's source."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from delivery.platform import kubernetes_build as module
from delivery.platform.errors import PlatformError
from delivery.platform.kubernetes_build import (
    KubernetesBuild,
    Version,
    cache_key,
    marked_folders,
    openapi_packages,
)
from delivery.platform.layout import Layout
from delivery.platform.packages import Packages
from delivery.platform.steps import Steps

from .doubles import Recorder

DEBIAN = "1.20.5+really1.20.2-1.1+deb12u1"
SERVED = "staging/src/k8s.io/api/apps/v1"


def test_the_version_is_what_the_package_really_holds() -> None:
    assert Version.of_package(DEBIAN) == Version("1", "20", "v1.20.2")
    assert Version.of_package("1.33.4-1") == Version("1", "33", "v1.33.4")


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(PlatformError, match="'unknown'"):
        Version.of_package("unknown")


def test_binaries_report_their_version() -> None:
    flags = Version.of_package(DEBIAN).linker_flags()
    assert "vendor/k8s.io/component-base/version.gitVersion=v1.20.2" in flags
    assert "vendor/k8s.io/client-go/pkg/version.gitMinor=20" in flags


@pytest.mark.parametrize(
    "inputs", [("1.20.6-1", "1", "p"), (DEBIAN, "2", "p"), (DEBIAN, "1", "q")]
)
def test_other_inputs_are_another_cache(inputs: tuple[str, str, str]) -> None:
    assert cache_key(*inputs) != cache_key(DEBIAN, "1", "p")


def test_staging_packages_are_imported_through_vendor() -> None:
    folders = [
        Path(SERVED),
        Path("pkg/apis/abac/v0"),
        Path("staging/src/k8s.io/sample-apiserver/pkg/apis/wardle/v1"),
    ]
    assert openapi_packages(folders) == [
        "k8s.io/kubernetes/pkg/apis/abac/v0",
        "k8s.io/kubernetes/vendor/k8s.io/api/apps/v1",
    ]


def write_source(tree: Path) -> None:
    for name, text in {
        f"{SERVED}/doc.go": "// +k8s:openapi-gen=true\npackage v1\n",
        "pkg/plain/doc.go": "package plain\n",
        "pkg/tested/doc_test.go": "// +k8s:openapi-gen=true\n",
    }.items():
        path = tree / name
        path.parent.mkdir(parents=True)
        path.write_text(text)


def test_only_marked_sources_are_found(tmp_path: Path) -> None:
    write_source(tmp_path)
    assert marked_folders(tmp_path) == {Path(SERVED)}


@pytest.fixture
def build(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> KubernetesBuild:
    """A build whose Go is a recorder and whose archive is a folder."""
    packages = Packages(layout)
    monkeypatch.setattr(packages, "refresh_once", lambda: None)
    monkeypatch.setattr(packages, "source_version", lambda name: DEBIAN)
    monkeypatch.setattr(packages, "version", lambda name: "1.19.8-2")
    monkeypatch.setattr(packages, "unpack", lambda name, _: layout.packages / name)

    def download(name: str, target: Path) -> Path:
        write_source(target / "source")
        return target / "source"

    monkeypatch.setattr(packages, "download_source", download)
    monkeypatch.setattr(module, "run", recorder)
    return KubernetesBuild(layout, packages, Steps(io.StringIO()))


def test_a_build_generates_compiles_and_cleans_up(
    build: KubernetesBuild, recorder: Recorder
) -> None:
    folder = build.binaries()
    generate, compile_all, compile_pause = recorder.commands
    assert generate[-1] == "k8s.io/kubernetes/vendor/k8s.io/api/apps/v1"
    assert "k8s.io/kubernetes/cmd/kubelet" in compile_all
    assert compile_pause[-1].endswith("pause.go")
    assert recorder.environments[0]["GOPROXY"] == "off"
    assert (folder / "INPUTS").read_text() == f"{DEBIAN} 1.19.8-2\n"
    assert not (build.layout.kubernetes / "work").exists()


def test_a_second_build_takes_the_first_ones_binaries(
    build: KubernetesBuild, recorder: Recorder
) -> None:
    folder = build.binaries()
    recorder.commands.clear()
    assert build.binaries() == folder
    assert recorder.commands == []


def test_a_build_that_failed_leaves_nothing_to_be_taken(
    build: KubernetesBuild, recorder: Recorder
) -> None:
    recorder.failing = {str(build.layout.packages / "go/usr/lib/go-1.19/bin/go build")}
    with pytest.raises(PlatformError, match="compiling Kubernetes"):
        build.binaries()
    recorder.failing = set()
    assert build.binaries().exists()


def test_binaries_of_other_flags_are_not_taken(
    build: KubernetesBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.binaries()
    monkeypatch.setattr(module, "TAGS", "providerless")
    assert build.binaries() != first
