"""Terraform has the watch applied to the cluster that it made, and to no other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from delivery.infrastructure.watch_objects import ROOT, foreign_objects, main

ARGUMENTS = ["staging", "--cluster", "tms-staging", "--region", "ap-south-1"]
#: As kustomize writes objects: every one anew, its fields in order.
RULE = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  labels:
    app.kubernetes.io/part-of: tms
  name: gps
  namespace: tms-staging
spec:
  groups: []
"""
#: Notes what it is called with and which configuration is there, then does its part.
PROGRAM = """#!{python}
import json, os, pathlib, sys
place = sys.argv.index("--kubeconfig") + 1 if "--kubeconfig" in sys.argv else 0
config = pathlib.Path(sys.argv[place] if place else "/nowhere")
with open({calls!r}, "a") as calls:
    note = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]], config.exists()
    calls.write(json.dumps(note) + "\\n")
if "update-kubeconfig" in sys.argv:
    config.write_text("access")
if "kustomize" in sys.argv:
    print({objects!r}, end="")
elif "apply" in sys.argv and sys.stdin.read() != {objects!r}:
    sys.exit("given something else than was rendered")
else:
    print("applied" if not {refusal!r} else "", end="")
sys.stderr.write({refusal!r})
sys.exit(1 if {refusal!r} else 0)
"""


class Tools:
    """The AWS CLI and kubectl, which note how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "calls"

    def install(self, name: str, refusal: str = "", objects: str = RULE) -> None:
        """Put one on the path; kubectl renders these objects."""
        program = self.folder / name
        text = PROGRAM.format(
            python=sys.executable,
            calls=str(self.notes),
            refusal=refusal,
            objects=objects,
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
    (rendering, _), (login, configured_before), (apply, configured_then) = tools.calls
    assert rendering == ["kubectl", "kustomize", str(ROOT / "monitoring" / "staging")]
    assert login[:5] == ["aws", "--region", "ap-south-1", "eks", "update-kubeconfig"]
    assert login[5:7] == ["--name", "tms-staging"]
    assert apply[-2:] == ["-f", "-"]
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
    assert [words[0] for words, _configured in tools.calls] == ["kubectl", "aws"]


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


ROLE = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: everything
roleRef:
  name: cluster-admin
"""


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        pytest.param(f"{RULE}---\n{ROLE}", "ClusterRoleBinding", id="a role"),
        pytest.param(
            RULE.replace("PrometheusRule", "Pod"), "Pod: no part of a watch", id="a pod"
        ),
        pytest.param(
            RULE.replace("namespace: tms-staging", "namespace: kube-system"),
            "PrometheusRule in kube-system",
            id="another namespace",
        ),
        pytest.param(
            RULE.replace("  namespace: tms-staging\n", ""),
            "PrometheusRule in no namespace",
            id="no namespace",
        ),
        pytest.param(
            '{"kind": "ClusterRoleBinding"}\n', "an object of no kind", id="json"
        ),
        pytest.param(
            f"{RULE}kind: Role\n", "PrometheusRule and Role", id="a kind said twice"
        ),
    ],
)
def test_what_is_no_watch_is_not_applied(
    tools: Tools, capsys: pytest.CaptureFixture[str], spoiled: str, said: str
) -> None:
    """Who applies may do everything, and monitoring/ must not be the way to that."""
    tools.install("aws")
    tools.install("kubectl", objects=spoiled)
    assert main(ARGUMENTS) == 1
    assert said in capsys.readouterr().err
    assert [words[1] for words, _configured in tools.calls] == ["kustomize"]


def test_text_of_an_object_is_not_taken_for_another() -> None:
    dashboard = """apiVersion: v1
data:
  a.json: |
    kind: ClusterRole
    ---
    namespace: kube-system
kind: ConfigMap
metadata:
  name: tms-dashboards
  namespace: tms-staging
"""
    assert not list(foreign_objects(f"{dashboard}---\n{RULE}", "tms-staging"))
