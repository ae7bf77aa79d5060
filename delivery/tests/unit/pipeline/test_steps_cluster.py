"""The command line of the steps that speak to a cluster, as the workflows call it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.pipeline.cli import main

from .conftest import (
    COMPLETE,
    DIGEST,
    OTHER,
    REPOSITORY,
    Answers,
    deployment,
    job,
)
from .test_rollback import check_pod
from .test_rollout import ARRIVED, LATE, RIGHT, pod

WORK = f"gps-ingestion-service-migrate-{DIGEST[7:19]}"
OVERLAY = ["--overlay", "./kube/staging"]


def test_pins_and_keeps_the_scale(world: Answers, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    target = tmp_path / "image" / "kustomization.yaml"
    target.touch()
    grown = deployment("gps-worker", "x", replicas=3)
    world.on("get", "deployments", output={"items": [grown]})
    image = ["--image", "gps-ingestion-service", "--repository", REPOSITORY]
    overlay = ["--overlay", str(tmp_path / "staging")]
    assert main(["pin", *overlay, *image, "--digest", DIGEST]) == 0
    assert "count: 3" in target.read_text()
    world.rules[-1][1][0] = world.rules[-1][1][0].__class__(0, '{"items": []}')
    assert main(["pin", *overlay, *image, "--digest", DIGEST]) == 0
    assert "replicas" not in target.read_text()


def test_guards_the_schema(world: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"gps-ingestion-service-schema-check-{DIGEST[7:19]}"
    world.on("delete")
    world.on("apply")
    world.on("get", "jobs", output={"items": [job(name, status=COMPLETE)]})
    world.on("get", "pods", output={"items": [check_pod("x", "Succeeded", name)]})
    world.on("logs", output='{"state": "current", "database": "r1", "image": "r1"}')
    assert main(["schema-guard", *OVERLAY, "--digest", DIGEST]) == 0
    assert "the database is current" in capsys.readouterr().out


def test_removes_only_finished_migrations(world: Answers) -> None:
    check = job("check", status=COMPLETE)
    check["metadata"]["labels"]["app.kubernetes.io/component"] = "schema-check"
    world.on("get", "jobs", output={"items": [job("old", status=COMPLETE), check]})
    world.on("get", "deployments", output={"items": [deployment("sound", "x")]})
    world.on("delete")
    assert main(["clear-earlier", *OVERLAY, "--digest", DIGEST]) == 0
    assert [call[3] for call in world.commands("delete")] == ["old"]
    assert world.commands("restart") == []


def test_what_was_late_starts_anew(
    world: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    late = deployment("gps-worker", "x", status={**ARRIVED, "conditions": LATE})
    world.on("get", "jobs", output={"items": []})
    world.on("get", "deployments", output={"items": [late]})
    world.on("restart")
    assert main(["clear-earlier", *OVERLAY, "--digest", DIGEST]) == 0
    assert [call[3] for call in world.commands("restart")] == ["deployment/gps-worker"]
    assert "restarted gps-worker" in capsys.readouterr().out


def live(part: str, name: str, count: int) -> dict[str, Any]:
    names = ("replicas", "updatedReplicas", "availableReplicas")
    status = {**ARRIVED, **dict.fromkeys(names, count)}
    return deployment(name, "x", part, replicas=count, status=status)


def test_waits_for_everything(world: Answers) -> None:
    items = [
        job(WORK, status=COMPLETE),
        live("ingestion", "gps-ingestion-service", 2),
        live("worker", "gps-worker", 1),
    ]
    world.on("get", output={"items": items})
    assert main(["wait", *OVERLAY, "--digest", DIGEST, "--timeout-s", "0"]) == 0


def test_can_wait_for_the_migration_alone(world: Answers) -> None:
    world.on("get", output={"items": [job(WORK, status=COMPLETE)]})
    only = ["--timeout-s", "0", "--migration-only"]
    assert main(["wait", *OVERLAY, "--digest", DIGEST, *only]) == 0
    assert main(["wait", *OVERLAY, "--digest", DIGEST, "--timeout-s", "0"]) == 1


@pytest.mark.parametrize(("at_most", "limit"), [("0", "600"), ("600", "0")])
def test_a_local_run_can_be_less_patient_and_never_more(
    world: Answers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_most: str,
    limit: str,
) -> None:
    monkeypatch.setenv("WAIT_AT_MOST_S", at_most)
    world.on("get", output={"items": []})
    assert main(["wait", *OVERLAY, "--digest", DIGEST, "--timeout-s", limit]) == 1
    assert "not done after 0 s" in capsys.readouterr().err


def test_shows_what_runs(world: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    pods = [pod("ingestion", RIGHT), pod("worker", RIGHT)]
    world.on("get", "pods", output={"items": pods})
    assert main(["check-digest", *OVERLAY, "--digest", DIGEST]) == 0
    assert capsys.readouterr().out.count(DIGEST) == 2


def test_a_pod_without_proof_fails_the_check(
    world: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = [pod("ingestion", RIGHT), pod("worker", "")]
    world.on("get", "pods", output={"items": pods})
    patience = ["--timeout-s", "0"]
    assert main(["check-digest", *OVERLAY, "--digest", DIGEST, *patience]) == 1
    assert "worker-pod/x: waiting runs nothing yet" in capsys.readouterr().err


def test_an_overlay_of_another_image_is_not_deployed(
    world: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-digest", *OVERLAY, "--digest", OTHER]) == 1
    assert capsys.readouterr().err.startswith("::error::the render must run")


def test_explains(world: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    world.on("get", output="CrashLoopBackOff")
    world.on("logs", output="Traceback")
    assert main(["explain", *OVERLAY]) == 0
    assert "Traceback" in capsys.readouterr().out
