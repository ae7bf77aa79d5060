"""Terraform has the watch applied to the cluster that it made, and to no other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from delivery.infrastructure.watch_objects import ROOT, main

ARGUMENTS = ["staging", "--cluster", "tms-staging", "--region", "ap-south-1"]
#: Notes what it is called with and which configuration is there, then does its part.
PROGRAM = """#!{python}
import json, os, pathlib, sys
config = pathlib.Path(sys.argv[sys.argv.index("--kubeconfig") + 1])
with open({calls!r}, "a") as calls:
    note = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]], config.exists()
    calls.write(json.dumps(note) + "\\n")
if "update-kubeconfig" in sys.argv:
    config.write_text("access")
print("applied" if not {refusal!r} else "", end="")
sys.stderr.write({refusal!r})
sys.exit(1 if {refusal!r} else 0)
"""


class Tools:
    """The AWS CLI and kubectl, which note how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "calls"

    def install(self, name: str, refusal: str = "") -> None:
        """Put one on the path."""
        program = self.folder / name
        text = PROGRAM.format(
            python=sys.executable, calls=str(self.notes), refusal=refusal
        )
        program.write_text(text)
        program.chmod(0o755)

    @property
    def calls(self) -> list[tuple[list[str], bool]]:
        """Each call's words, and whether there was a configuration by then."""
        lines = self.notes.read_text().splitlines()
        return [(words, configured) for words, configured in map(json.loads, lines)]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """A path on which nothing is yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return Tools(tmp_path)


def test_the_environments_overlay_is_applied_to_its_cluster(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.install("aws")
    tools.install("kubectl")
    assert main(ARGUMENTS) == 0
    assert capsys.readouterr().out == "applied"
    (login, configured_before), (apply, configured_then) = tools.calls
    assert login[:5] == ["aws", "--region", "ap-south-1", "eks", "update-kubeconfig"]
    assert login[5:7] == ["--name", "tms-staging"]
    assert apply[-2:] == ["-k", str(ROOT / "monitoring" / "staging")]
    assert (ROOT / "monitoring" / "staging" / "kustomization.yaml").is_file()
    config = apply[apply.index("--kubeconfig") + 1]
    assert login[-2:] == ["--kubeconfig", config]
    assert (configured_before, configured_then) == (False, True)
    assert not Path(config).exists(), "access is left to nobody"


def test_a_cluster_that_is_not_there_ends_it_before_kubectl(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.install("aws", refusal="No cluster found for name: tms-staging.")
    tools.install("kubectl")
    assert main(ARGUMENTS) == 1
    assert "aws: No cluster found" in capsys.readouterr().err
    assert [words[0] for words, _configured in tools.calls] == ["aws"]


def test_an_object_that_the_cluster_refuses_fails_the_apply(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.install("aws")
    tools.install("kubectl", refusal='no matches for kind "PrometheusRule"')
    assert main(ARGUMENTS) == 1
    assert 'kubectl: no matches for kind "PrometheusRule"' in capsys.readouterr().err


def test_a_missing_program_is_named(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.install("aws")
    assert main(ARGUMENTS) == 1
    assert "kubectl is not on PATH" in capsys.readouterr().err
