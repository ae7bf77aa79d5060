"""Debian packages, installed and unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.platform import packages as module
from delivery.platform.errors import PlatformError
from delivery.platform.layout import Layout
from delivery.platform.packages import Packages, Source, parse_targets

from .doubles import Recorder

TARGETS = """\
Debian\thttp://archive/debian\thttp://archive/debian/\tbookworm\tmain
Debian\thttp://archive/debian\thttp://archive/debian/\tbookworm-updates\tmain
Debian\thttp://archive/debian\thttp://archive/debian/\tbookworm\tmain
Other\thttp://vendor\thttp://vendor/apt/\tstable\tmain
"""


@pytest.fixture
def packages(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> Packages:
    """Packages whose apt and dpkg are a recorder."""
    recorder.answers = {"apt-get indextargets": TARGETS}
    monkeypatch.setattr(module, "run", recorder)
    return Packages(layout)


def test_only_debians_own_suites_count() -> None:
    assert parse_targets(TARGETS) == [
        Source("http://archive/debian", "bookworm", "main"),
        Source("http://archive/debian", "bookworm-updates", "main"),
    ]


def test_private_lists_name_binary_and_source_packages(packages: Packages) -> None:
    packages.refresh()
    listing = (packages.layout.apt / "sources.list").read_text().splitlines()
    assert [line.split()[0] for line in listing] == ["deb", "deb", "deb-src", "deb-src"]
    assert all(str(module.KEYRING) in line for line in listing)
    assert str(packages.layout.apt) in packages.configuration.read_text()


def test_lists_are_read_once(packages: Packages, recorder: Recorder) -> None:
    packages.refresh_once()
    packages.refresh_once()
    assert recorder.lines.count("apt-get -q update") == 1
    assert recorder.environments[-1]["APT_CONFIG"] == str(packages.configuration)


def test_a_machine_that_never_read_its_lists_reads_them(
    packages: Packages, recorder: Recorder
) -> None:
    answers = iter(["", TARGETS])
    recorder.answers = {"apt-get indextargets": lambda _: next(answers)}
    assert packages.sources()
    assert "apt-get -q update" in recorder.lines


def test_a_machine_without_debian_is_told_so(
    packages: Packages, recorder: Recorder
) -> None:
    recorder.answers = {}
    with pytest.raises(PlatformError, match="no Debian archive is set up"):
        packages.sources()


def test_versions_are_looked_up(packages: Packages, recorder: Recorder) -> None:
    shown = "Package: x\nVersion: 1.2-3\nVersion: 1.1\n"
    recorder.answers = {"apt-cache": shown}
    assert packages.version("x") == "1.2-3"
    assert packages.source_version("x") == "1.2-3"


def test_a_missing_package_is_named(packages: Packages) -> None:
    for look_up in (packages.version, packages.source_version):
        with pytest.raises(PlatformError, match="has no golang-9"):
            look_up("golang-9")


def test_packages_are_unpacked_once(packages: Packages, recorder: Recorder) -> None:
    def download(_: list[str]) -> str:
        (packages.layout.packages / "node.part/runc_1_amd64.deb").touch()
        return ""

    recorder.answers["apt-get -q download"] = download
    folder = packages.unpack("node", ("runc",))
    assert folder == packages.layout.packages / "node"
    assert folder.is_dir()
    assert [line for line in recorder.lines if line.startswith("dpkg-deb -x")]
    recorder.commands.clear()
    assert packages.unpack("node", ("runc",)) == folder
    assert recorder.commands == []


def test_a_half_done_unpacking_starts_over(
    packages: Packages, recorder: Recorder
) -> None:
    recorder.failing = {"apt-get -q download"}
    with pytest.raises(PlatformError, match="downloading node"):
        packages.unpack("node", ("runc",))
    assert not (packages.layout.packages / "node").exists()
    recorder.failing = set()
    assert packages.unpack("node", ("runc",)).exists()


def test_a_source_is_downloaded_and_unpacked(
    packages: Packages, recorder: Recorder, tmp_path: Path
) -> None:
    def download(_: list[str]) -> str:
        (tmp_path / "kubernetes_1.dsc").touch()
        return ""

    recorder.answers["apt-get -q source"] = download
    assert packages.download_source("kubernetes", tmp_path) == tmp_path / "source"
    assert recorder.lines[-1].startswith("dpkg-source --no-check -x")


def test_only_what_is_missing_is_installed(
    packages: Packages, recorder: Recorder
) -> None:
    wanted = {"coreutils": "true", "docker.io": "/no/such/dockerd"}
    assert packages.install(wanted) == ["docker.io"]
    assert recorder.commands[-1][-1] == "docker.io"
    assert "coreutils" not in recorder.commands[-1]


def test_nothing_missing_installs_nothing(
    packages: Packages, recorder: Recorder
) -> None:
    assert packages.install({"coreutils": "true"}) == []
    assert recorder.commands == []


@pytest.mark.parametrize("there", [True, False])
def test_installing_starts_no_service(
    packages: Packages,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    there: bool,
) -> None:
    policy = tmp_path / "policy-rc.d"
    if there:
        policy.write_text("the machine's own")
    monkeypatch.setattr(module, "POLICY", policy)
    during: list[str] = []

    def install(_: list[str]) -> str:
        during.append(policy.read_text())
        return ""

    recorder.answers["apt-get -qy install"] = install
    packages.install({"docker.io": "/no/such/dockerd"})
    assert during == ["the machine's own" if there else "#!/bin/sh\nexit 101\n"]
    assert policy.exists() is there


def test_the_state_of_the_archive_changes_with_its_lists(packages: Packages) -> None:
    lists = packages.layout.apt / "state/lists"
    lists.mkdir(parents=True)
    (lists / "archive_InRelease").write_text("Date: 1")
    first = packages.archive_state()
    assert packages.archive_state() == first
    (lists / "archive_InRelease").write_text("Date: 2")
    assert packages.archive_state() != first
