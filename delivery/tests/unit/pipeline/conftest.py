"""What the pipeline's tests share: a runner that is told its answers, and a clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from delivery.pipeline import steps_cluster, steps_image
from delivery.pipeline.process import Result
from delivery.pipeline.releases import LocalReleases

DIGEST = "sha256:" + "a1" * 32
OTHER = "sha256:" + "b2" * 32
COMMIT = "c" * 40
REPOSITORY = "registry.example/gps-ingestion-service"


@dataclass
class Answers:
    """Answers commands by the first rule whose words are all in the command."""

    rules: list[tuple[tuple[str, ...], list[Result]]] = field(default_factory=list)
    calls: list[tuple[list[str], str]] = field(default_factory=list)

    def on(
        self, *words: str, output: object = "", code: int = 0, errors: str = ""
    ) -> None:
        """Answer with ``output``; several for the same words are given in turn."""
        text = output if isinstance(output, str) else json.dumps(output)
        for known, results in self.rules:
            if known == words:
                results.append(Result(code, text, errors))
                return
        self.rules.append((words, [Result(code, text, errors)]))

    def __call__(self, command: Sequence[str], stdin: str = "") -> Result:
        self.calls.append((list(command), stdin))
        for words, results in self.rules:
            if all(any(word in part for part in command) for word in words):
                return results.pop(0) if len(results) > 1 else results[0]
        raise AssertionError(f"nobody said what {command} answers")

    def commands(self, *words: str) -> list[list[str]]:
        """The commands so far that hold all ``words``."""
        return [call for call, _ in self.calls if all(word in call for word in words)]


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0
    on_sleep: Callable[[float], None] = lambda now: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass, and then whatever happens meanwhile."""
        self.now += seconds
        self.on_sleep(self.now)


@pytest.fixture
def answers() -> Answers:
    """A runner that answers nothing yet."""
    return Answers()


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def components() -> tuple[Path, ...]:
    """The Source Paths of the repository that have manifests."""
    root = Path(__file__).resolve().parents[4]
    found = tuple(
        root / name for name in ("gps_ingestion_service", "odoo_addons/tms_management")
    )
    assert all((path / "kube").is_dir() for path in found)
    return found


def deployment(name: str, image: str, part: str = "web", **live: Any) -> dict[str, Any]:
    """A Deployment as a render or, with ``status``, as a cluster shows it."""
    labels = {
        "app.kubernetes.io/name": "gps-ingestion-service",
        "app.kubernetes.io/component": part,
    }
    return {
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "tms-staging",
            "generation": live.pop("generation", 1),
            "labels": labels,
        },
        "spec": {
            "replicas": live.pop("replicas", 2),
            "template": {"spec": {"containers": [{"name": "x", "image": image}]}},
        },
        **live,
    }


def job(name: str, image: str = "", **live: Any) -> dict[str, Any]:
    """A migration Job as a render or, with ``status``, as a cluster shows it."""
    labels = {"app.kubernetes.io/component": "migration"}
    return {
        "kind": "Job",
        "metadata": {"name": name, "namespace": "tms-staging", "labels": labels},
        "spec": {
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {
                    "containers": [
                        {"name": "migrate", "image": image, "args": ["migrate"]}
                    ]
                },
            }
        },
        **live,
    }


def rendered(digest: str = DIGEST) -> list[dict[str, Any]]:
    """What a pinned overlay of two workloads and a migration renders to."""
    image = f"{REPOSITORY}@{digest}"
    return [
        {"kind": "ConfigMap", "metadata": {"name": "config-1", "namespace": "n"}},
        deployment("gps-ingestion-service", image, "ingestion"),
        deployment("gps-worker", image, "worker", replicas=1),
        job(f"gps-ingestion-service-migrate-{digest[7:19]}", image),
    ]


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {
    "conditions": [
        {"type": "Complete", "status": "False"},
        {"type": "Failed", "status": "True", "message": "backoff limit"},
    ]
}


class Job:
    """A workflow's job: its variables, and the files that steps write to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.set = monkeypatch.setenv
        for name in ("OUTPUT", "STEP_SUMMARY", "ENV"):
            (folder / name).touch()
            monkeypatch.setenv(f"GITHUB_{name}", str(folder / name))
        for name, value in (
            ("GITHUB_SHA", COMMIT),
            ("GITHUB_RUN_ID", "17"),
            ("GITHUB_ACTOR", "dev-alice"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_EVENT_NAME", "push"),
            ("RELEASES_DIR", str(folder / "releases")),
            ("LOCAL_APPROVALS_DIR", str(folder / "approvals")),
            ("ACT", "true"),
        ):
            monkeypatch.setenv(name, value)
        self.event({})

    def event(self, document: object) -> None:
        path = self.folder / "event.json"
        path.write_text(json.dumps(document))
        self.set("GITHUB_EVENT_PATH", str(path))

    def read(self, name: str) -> dict[str, str]:
        """What the steps so far wrote as name and value."""
        lines = iter((self.folder / name).read_text().splitlines())
        result = {}
        for line in lines:
            key, _, mark = line.partition("<<")
            result[key] = "\n".join(iter(lambda: next(lines), mark))
        return result

    @property
    def outputs(self) -> dict[str, str]:
        return self.read("OUTPUT")

    @property
    def releases(self) -> LocalReleases:
        return LocalReleases(self.folder / "releases")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(tmp_path, monkeypatch)


@pytest.fixture
def world(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the cluster and the registry answer."""
    for module in (steps_cluster, steps_image):
        monkeypatch.setattr(module, "run", answers)
    text = "---\n".join(json.dumps(item) + "\n" for item in rendered())
    answers.on("kustomize", output=text)
    return answers
