"""promtool is found, or taken out of the distribution's package once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from devtools.errors import DevtoolsError
from devtools.layout import Layout
from devtools.promtool import ensure_promtool
from devtools.tests.conftest import write_program


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path / "cache", tmp_path / "run")
    made.logs.mkdir(parents=True)
    return made


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in front of PATH, with an apt-get that serves a real, small package."""
    root = tmp_path / "package"
    write_program(root / "usr/bin/promtool", "#!/bin/sh\necho promtool\n")
    write_program(root / "usr/bin/prometheus", "#!/bin/sh\n")
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        "Package: prometheus\nVersion: 2.42\nArchitecture: all\n"
        "Maintainer: A <a@example.org>\nDescription: test\n"
    )
    package = tmp_path / "prometheus_2.42_all.deb"
    command = ["dpkg-deb", "--build", str(root), str(package)]
    subprocess.run(command, check=True, capture_output=True)
    folder = tmp_path / "bin"
    script = (
        f'echo "$@" >> {tmp_path}/calls\ncase "$*" in *download*) cp {package} . ;;'
    )
    write_program(folder / "apt-get", f"#!/bin/sh\n{script} esac\n")
    monkeypatch.delenv("PROMTOOL", raising=False)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_the_one_that_the_environment_names_comes_first(
    layout: Layout, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(programs / "promtool", "#!/bin/sh\n")
    assert ensure_promtool(layout) == programs / "promtool"
    monkeypatch.setenv("PROMTOOL", "/opt/promtool")
    assert ensure_promtool(layout) == Path("/opt/promtool")
    assert not (layout.root / "calls").exists()


def test_it_is_taken_out_of_the_package_alone_and_kept(
    layout: Layout, programs: Path
) -> None:
    program = ensure_promtool(layout)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert said == "promtool\n"
    assert not list(layout.cache.rglob("prometheus"))
    calls = (layout.root / "calls").read_text()
    assert "update" in calls and "download prometheus" in calls
    assert ensure_promtool(layout) == program
    assert (layout.root / "calls").read_text() == calls


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'E: Could not connect' >&2; exit 100", "registry cannot be reached"),
        ("exit 0", "downloaded no prometheus"),
        ('case "$*" in *download*) echo x > prometheus.deb ;; esac', "unpacked"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing_half_done(
    layout: Layout, programs: Path, script: str, says: str
) -> None:
    write_program(programs / "apt-get", f"#!/bin/sh\n{script}\n")
    with pytest.raises(DevtoolsError) as raised:
        ensure_promtool(layout)
    assert says in str(raised.value)
    assert not (layout.cache / "promtool" / "promtool").exists()


def test_on_another_distribution_it_has_to_be_installed(
    layout: Layout, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(DevtoolsError, match="no promtool"):
        ensure_promtool(layout)
