"""The command line of the steps about registry and run, as the workflows call it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from delivery.pipeline import steps_run
from delivery.pipeline.cli import main
from delivery.pipeline.releases import Release, last_success

from .conftest import COMMIT, DIGEST, OTHER, Answers, Job
from .test_images import details


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "approvers.json"
    path.write_text('{"production": {"approvers": ["devops-lead"]}}')
    return str(path)


# The registry.


def test_finds_an_image_or_says_that_there_is_none(world: Answers, work: Job) -> None:
    world.on("describe-images", output=details((DIGEST, [COMMIT])))
    world.on("describe-images", code=254, errors="ImageNotFoundException")
    command = ["image-find", "--repository", "tms-odoo", "--tag", COMMIT]
    assert main(command) == 0
    assert work.outputs["digest"] == DIGEST
    assert main(command) == 0
    assert work.outputs["digest"] == ""
    assert main([*command, "--required"]) == 1


def test_tags_a_version_and_a_release(
    world: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    world.on("describe-images", output=details((DIGEST, ["v1.0.0"])))
    command = ["--repository", "tms-odoo", "--digest", DIGEST]
    assert main(["image-tag", *command, "--tag", "v1.0.0"]) == 0
    kept = [COMMIT, "released-20261001T100000Z"]
    world.on("describe-images", output=details((DIGEST, kept)))
    assert main(["image-released", *command]) == 0
    assert main(["image-released", *command]) == 0
    assert f"{DIGEST} is tagged {kept[1]}" in capsys.readouterr().out
    assert world.commands("put-image") == []


def test_gives_build_options(work: Job) -> None:
    assert main(["build-options"]) == 0
    assert f"REVISION={COMMIT}" in work.outputs["options"]


def gate(tmp_path: Path, *more: str) -> int:
    allow = str(tmp_path / "image-allow-list.toml")
    return main(["image-gate", "--repository", "x", "--allow-list", allow, *more])


def test_gates_an_image(
    world: Answers, work: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {}}
    world.on("describe-image-scan-findings", output=found)
    assert gate(tmp_path, "--digest", DIGEST) == 0
    work.set("AWS_ENDPOINT_URL", "http://127.0.0.1:5555")
    assert gate(tmp_path, "--digest", DIGEST) == 3
    assert "image scan: NOT CHECKED" in capsys.readouterr().out


def test_what_trivy_found_reaches_the_gate_in_a_file(
    world: Answers, work: Job, tmp_path: Path
) -> None:
    critical = [{"VulnerabilityID": "CVE-1", "Severity": "CRITICAL"}]
    world.on("trivy", output={"Results": [{"Vulnerabilities": critical}]})
    written = tmp_path / "scan.json"
    assert main(["trivy-scan", "--image", "x:1", "--output", str(written)]) == 0
    assert gate(tmp_path, "--scan", str(written)) == 1
    assert "CVE-1" in (work.folder / "STEP_SUMMARY").read_text()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"findings": [{}]}', "null"])
@pytest.mark.usefixtures("world", "work")
def test_a_file_that_is_no_scan_does_not_pass_the_gate(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "scan.json"
    written.write_text(text)
    assert gate(tmp_path, "--scan", str(written)) == 1
    assert "scan-unreadable" in capsys.readouterr().err


def test_the_gate_waits_for_a_scan_as_long_as_the_run_says(
    world: Answers, work: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = {"imageScanStatus": {"status": "IN_PROGRESS"}}
    world.on("describe-image-scan-findings", output=started)
    work.set("SCAN_TIMEOUT_S", "0")
    assert gate(tmp_path, "--digest", DIGEST) == 1
    assert "no result of the scan" in capsys.readouterr().err


def test_a_secret_reaches_the_job_masked(
    world: Answers, work: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    world.on("get-secret-value", output={"SecretString": '{"token": "hunter2"}'})
    assert main(["fetch-secret", "--secret", "tms/staging/x", "token=TOKEN"]) == 0
    assert work.read("ENV") == {"TOKEN": "hunter2"}
    assert capsys.readouterr().out.splitlines() == [
        "::add-mask::hunter2",
        "set for this job: TOKEN",
    ]


def test_a_secret_is_for_a_jobs_steps_only(
    world: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ENV", raising=False)
    world.on("get-secret-value", output={"SecretString": '{"token": "hunter2"}'})
    assert main(["fetch-secret", "--secret", "x", "token=TOKEN"]) == 1
    captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err


def record(*more: str, outcome: str = "success", digest: str = DIGEST) -> int:
    command = ["release-record", "--component", "tms-odoo", "--digest", digest]
    command += ["--environment", "production", "--kind", "release"]
    return main([*command, "--outcome", outcome, *more])


def test_rolls_back_to_an_earlier_release(world: Answers, work: Job) -> None:
    for run, digest, outcome in (("17", OTHER, "success"), ("18", DIGEST, "failure")):
        work.set("GITHUB_RUN_ID", run)
        record(outcome=outcome, digest=digest)
    tags = [COMMIT, "released-20261001T100000Z"]
    newer = ["d" * 40, "released-20261101T100000Z"]
    world.on("describe-images", output=details((OTHER, tags), (DIGEST, newer)))
    command = ["rollback-target", "--component", "tms-odoo", "--repository", "tms-odoo"]
    assert main([*command, "--target", "previous"]) == 0
    assert work.outputs["digest"] == OTHER
    assert work.outputs["commit"] == COMMIT
    assert work.outputs["source-path"] == "odoo_addons/tms_management"
    assert main([*command, "--target", "latest"]) == 1


# The run.


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, work: Job) -> None:
    work.set("RETRY_BASE_S", "0")


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script.sh"
    path.write_text(text)
    return str(path)


@pytest.mark.usefixtures("at_once")
def test_a_script_is_a_steps_shell(tmp_path: Path) -> None:
    flaky = (
        "echo x >> tries; [ $(wc -l < tries) = 2 ] || { echo i/o timeout >&2; exit 9; }"
    )
    text = f"cd {tmp_path}\n{flaky}\n"
    assert main(["retry", script(tmp_path, text)]) == 0
    assert (tmp_path / "tries").read_text() == "x\nx\n"


@pytest.mark.usefixtures("at_once")
def test_a_script_stops_at_its_first_failure(tmp_path: Path) -> None:
    path = script(tmp_path, f"false | cat\ntouch {tmp_path}/never\n")
    assert main(["retry", path]) == 1
    assert not (tmp_path / "never").exists()


@pytest.mark.usefixtures("at_once")
def test_a_failure_can_be_accepted(tmp_path: Path) -> None:
    path = script(tmp_path, "echo LimitExceededException >&2; exit 254\n")
    assert main(["retry", "--accept", "LimitExceededException", path]) == 0


def test_settles_a_gate(work: Job, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["settle", "--gate", "image", "--", "bash", "-c"]
    assert main([*command, "exit 3"]) == 3
    work.set("ACCEPT_UNCHECKED", "image")
    assert main([*command, "exit 3"]) == 0
    assert work.outputs["unchecked"] == "image"
    assert "image NOT CHECKED, accepted" in capsys.readouterr().out
    assert main([*command, "exit 0"]) == 0
    assert work.outputs["unchecked"] == ""
    assert main([*command, "exit 1"]) == 1


PLAN = [
    "plan",
    "--component",
    "tms-odoo",
    "--source-path",
    "odoo_addons/tms_management",
]


def test_plans_everything_before_the_first_deployment(work: Job) -> None:
    assert main(PLAN) == 0
    assert json.loads(work.outputs["plan"])["release"] is True
    assert "all files since" in (work.folder / "STEP_SUMMARY").read_text()


def test_plans_from_what_was_deployed(
    work: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    record("--environment", "staging", "--commit", "d" * 40)
    work.event({"before": "e" * 40})
    seen = Answers()
    seen.on("git", output="docs/x.md\0delivery/README.md\0")
    monkeypatch.setattr(steps_run, "run", seen)
    assert main(PLAN) == 0
    bases = [call[-2] for call in seen.commands("diff")]
    assert bases == ["d" * 40, COMMIT, "e" * 40]
    assert json.loads(work.outputs["plan"])["release"] is False


def test_what_a_failed_deployment_left_is_compared_as_well(
    work: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commit may be taken back by one whose own run never got to deploy."""
    staging = ("--environment", "staging")
    for number, outcome, more in (
        ("1", "success", ()),
        ("2", "success", staging),
        ("3", "failure", (*staging, "--commit", "d" * 40)),
    ):
        work.set("GITHUB_RUN_ID", number)
        record(*more, outcome=outcome)
    seen = Answers()
    seen.on("diff", "d" * 40, output="odoo_addons/tms_management/models/x.py\0")
    seen.on("diff", output="")
    monkeypatch.setattr(steps_run, "run", seen)
    assert main(PLAN) == 0
    assert json.loads(work.outputs["plan"])["release"] is True


def test_a_change_that_is_taken_back_before_its_approval_is_released(
    work: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Production never had it, staging has, and it may still be approved."""
    record()
    record("--environment", "staging", "--commit", "d" * 40)
    seen = Answers()
    seen.on("diff", "d" * 40, output="odoo_addons/tms_management/models/x.py\0")
    seen.on("diff", output="")
    monkeypatch.setattr(steps_run, "run", seen)
    assert main(PLAN) == 0
    assert json.loads(work.outputs["plan"])["release"] is True


def test_a_version_tag_releases_only_what_main_holds(
    work: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git = Answers()
    git.on("merge-base", code=1)
    git.on("merge-base")
    monkeypatch.setattr(steps_run, "run", git)
    work.set("GITHUB_REF", "refs/tags/v1.2.3")
    assert main(PLAN) == 1
    assert "tag-off-main" in capsys.readouterr().err
    assert main(PLAN) == 0
    assert git.calls[0][0][-2:] == [COMMIT, "refs/remotes/origin/main"]
    assert json.loads(work.outputs["plan"])["release"] is True


def test_an_older_commit_is_no_release(
    work: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = "d" * 40
    git = Answers()
    git.on("merge-base")
    monkeypatch.setattr(steps_run, "run", git)
    command = ["refuse-older", "--component", "tms-odoo", "--environment", "production"]
    assert main(command) == 0
    record("--commit", newer)
    assert main(command) == 1
    assert "run the rollback workflow" in capsys.readouterr().err
    assert git.calls[0][0][-2:] == [COMMIT, newer]


def required(work: Job, **results: str) -> int:
    needs = {name: {"result": result} for name, result in results.items()}
    plan = json.dumps(
        {"verify": True, "pull_request_image": False, "release": False, "why": ""}
    )
    command = ["required", "--plan", plan, "--needs", json.dumps(needs)]
    return main([*command, "plan", "verify=verify", "image=pull-request-image"])


def test_the_required_check(work: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert required(work, plan="success", verify="success", image="skipped") == 0
    assert required(work, plan="success", verify="failure", image="skipped") == 1
    assert "verify ended as failure" in capsys.readouterr().err
    assert required(work, plan="failure", verify="skipped", image="skipped") == 1


REQUEST = ["--component", "tms-odoo", "--digest", DIGEST, "--unchecked", ",image"]


def test_the_local_approval_from_question_to_record(
    work: Job, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--policy", policy]
    work.set("APPROVAL_TIMEOUT_S", "0")
    assert main(["approval-wait", *REQUEST, *asked]) == 1
    assert "no decision in 0 s" in capsys.readouterr().err
    approve = ["approve", "--run-id", "17", "--as", "devops-lead"]
    assert main([*approve, "--scripted", "--comment", "go"]) == 0
    assert main(approve) == 1
    assert main(["approval-check", *REQUEST, *asked]) == 0
    assert work.outputs == {"approver": "devops-lead", "scripted": "true"}
    assert record("--approved-by", "devops-lead", "--scripted", "true") == 0
    kept = last_success(work.releases, "tms-odoo", "production")
    assert kept is not None
    assert (kept.approved_by, kept.scripted, kept.run) == ("devops-lead", True, "17")


def test_a_no_stops_the_run(work: Job, policy: str, tmp_path: Path) -> None:
    work.set("APPROVAL_TIMEOUT_S", "0")
    main(["approval-wait", *REQUEST, "--policy", policy])
    main(["approve", "--run-id", "17", "--as", "devops-lead", "--reject"])
    assert main(["approval-check", *REQUEST, "--policy", policy]) == 1


def test_a_decision_that_is_there_ends_the_wait(
    work: Job,
    policy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def decide(seconds: float) -> None:
        main(["approve", "--run-id", "17", "--as", "devops-lead", "--scripted"])

    monkeypatch.setattr("time.sleep", decide)
    assert main(["approval-wait", *REQUEST, "--policy", policy]) == 0
    assert "shows no separation of duties" in capsys.readouterr().out


def test_a_local_gate_needs_an_inbox(
    work: Job, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_APPROVALS_DIR")
    assert main(["approval-wait", *REQUEST, "--policy", policy]) == 1


class Hosted:
    """What GitHub's API answers, by the end of the path."""

    answers: dict[str, Any] = {
        "environments/production": {
            "name": "production",
            "can_admins_bypass": False,
            "protection_rules": [
                {
                    "type": "required_reviewers",
                    "prevent_self_review": True,
                    "reviewers": [{"reviewer": {"slug": "devops-lead"}}],
                }
            ],
        },
        "actions/runs/17/approvals": [
            {
                "state": "approved",
                "environments": [{"name": "production"}],
                "user": {"login": "dora"},
            }
        ],
    }

    @classmethod
    def from_environment(cls, environment: object) -> Hosted:
        return cls()

    def get(self, path: str) -> Any:
        return self.answers[path]


def test_on_github_the_environment_is_the_gate(
    work: Job, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACT")
    monkeypatch.setattr(steps_run, "GitHub", Hosted)
    armed = ["approval-armed", "--digest", DIGEST, "--policy", policy]
    assert main(armed) == 0
    assert "devops-lead will be asked" in (work.folder / "STEP_SUMMARY").read_text()
    assert main(["approval-check", *REQUEST, "--policy", policy]) == 0
    assert work.outputs == {"approver": "dora", "scripted": "false"}


@pytest.mark.parametrize(("script", "hours"), [("true", 0), ("echo Limit; false", 24)])
def test_says_since_when_a_scan_counts(
    work: Job, tmp_path: Path, script: str, hours: int
) -> None:
    (tmp_path / "script").write_text(script)
    back = dt.timedelta(hours=hours, minutes=1)
    before = dt.datetime.now(dt.UTC)
    assert main(["retry", "--accept", "Limit", str(tmp_path / "script")]) == 0
    since = dt.datetime.fromisoformat(work.outputs["since"])
    assert before <= since + back <= dt.datetime.now(dt.UTC)


def test_says_what_is_deployed(work: Job) -> None:
    command = ["deployed", "--component", "tms-odoo", "--environment", "production"]
    assert main(command) == 0
    assert work.outputs == {"digest": "", "commit": ""}
    record("--commit", "e" * 40)
    assert main(command) == 0
    assert work.outputs == {"digest": DIGEST, "commit": "e" * 40}
    kept = last_success(work.releases, "tms-odoo", "production")
    assert isinstance(kept, Release)
    assert kept.commit == "e" * 40
    moment = dt.datetime.fromisoformat(kept.finished_at)
    assert moment.utcoffset() == dt.timedelta(0)


def test_outputs_are_printed_where_there_is_no_workflow(
    work: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert main(["build-options"]) == 0
    assert capsys.readouterr().out.startswith("options=--build-arg")
    assert main(PLAN) == 0
