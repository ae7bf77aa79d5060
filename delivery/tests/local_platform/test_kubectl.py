"""kubectl, for one kubeconfig."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from delivery.platform import kubectl as module
from delivery.platform.errors import PlatformError
from delivery.platform.kubectl import Kubectl

from .doubles import Recorder


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Kubectl:
    """kubectl as a recorder."""
    monkeypatch.setattr(module, "run", recorder)
    monkeypatch.setattr(module, "find_kubectl", lambda: "kubectl")
    return Kubectl(Path("/x/kubeconfig"))


def test_every_command_names_its_cluster(kubectl: Kubectl, recorder: Recorder) -> None:
    kubectl("version", purpose="asking")
    assert recorder.lines == ["kubectl --kubeconfig /x/kubeconfig version"]


def test_objects_are_applied_as_documents(kubectl: Kubectl, recorder: Recorder) -> None:
    objects = [{"kind": "A"}, {"kind": "B"}]
    kubectl.apply(objects, "setting up")
    assert list(yaml.safe_load_all(recorder.inputs[0])) == objects


def test_objects_are_read_as_json(kubectl: Kubectl, recorder: Recorder) -> None:
    recorder.answers = {"kubectl": '{"kind": "Node"}'}
    assert kubectl.get("node", "tms", purpose="looking") == {"kind": "Node"}


def test_a_command_that_fails_is_no_answer(
    kubectl: Kubectl, recorder: Recorder
) -> None:
    assert kubectl.answers("get", "node")
    recorder.failing = {"kubectl"}
    assert not kubectl.answers("get", "node")


def test_the_virtualenvs_own_kubectl_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert module.find_kubectl() == str(tmp_path / "bin/kubectl")


def test_without_any_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="install delivery/requirements"):
        module.find_kubectl()
