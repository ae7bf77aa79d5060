"""The workflows hold what the document says, and the page about it too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
WORKFLOWS = ROOT / ".github" / "workflows"
PIPELINES = {
    "pl-odoo-001": ("TMS Odoo Addon CI/CD", "odoo_addons/tms_management", "tms-odoo"),
    "pl-gps-001": (
        "GPS Ingestion Service CI/CD",
        "gps_ingestion_service",
        "gps-ingestion-service",
    ),
}
STAGES = [
    "Static Analysis & Code Quality",
    "Unit Test & Coverage",
    "Package & Scan Artifact",
    "Deploy to Staging",
    "Integration Test",
    "Production Approval",
    "Deploy to Production",
]
# Stage, step, tool, command, justification, workflow.
ROW = re.compile(
    r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| (`[^|]+`) \| [^|]+ \| `([a-z-]+\.yml)` \|$",
    re.M,
)


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text())
    return document


def documented() -> list[tuple[str, str, str, str]]:
    """Stage, step, command and workflow, as the page lists them."""
    text = (ROOT / "docs" / "pipelines.md").read_text()
    rows = [match.groups() for match in ROW.finditer(text)]
    assert len(rows) == 15
    return [
        (stage, step, command, workflow)
        for stage, step, commands, workflow in rows
        for command in re.findall(r"`([^`]+)`", commands)
    ]


def bare(command: str) -> str:
    """A command without quotes, and with the document's dots for what is left open."""
    return command.replace('"', "").strip()


@pytest.mark.parametrize(("stage", "step", "command", "workflow"), documented())
def test_a_step_holds_the_documents_command(
    stage: str, step: str, command: str, workflow: str
) -> None:
    jobs = {job["name"]: job for job in load(workflow)["jobs"].values()}
    steps = {item["name"]: item for item in jobs[stage]["steps"]}
    if command.startswith("actions/"):
        assert steps[step]["uses"].startswith("actions/checkout@")
        return
    lines = [bare(line) for line in steps[step]["run"].splitlines()]
    wanted = bare(command.removesuffix(" ..."))
    if "$BUILD_OPTIONS" in "".join(lines):
        lines = [line.replace("$BUILD_OPTIONS ", "") for line in lines]
    assert any(line == wanted or line.startswith(f"{wanted} ") for line in lines), lines


@pytest.mark.parametrize("identifier", PIPELINES)
def test_a_pipeline_has_the_documents_name_path_and_triggers(identifier: str) -> None:
    name, source_path, image = PIPELINES[identifier]
    document = load(f"{identifier}.yml")
    assert document["name"] == name
    # YAML 1.1 reads the key `on` as a truth value.
    triggers: dict[str, Any] = document[True]  # type: ignore[index]
    assert triggers["push"] == {"branches": ["main"], "tags": ["v*.*.*"]}
    assert "workflow_dispatch" in triggers
    called = [job["with"] for job in document["jobs"].values() if "with" in job]
    assert {values["source-path"] for values in called} == {source_path}
    assert {values.get("image-name", image) for values in called} == {image}
    assert {values.get("deployment", image) for values in called} == {image}


@pytest.mark.parametrize("identifier", PIPELINES)
def test_the_stages_run_one_after_the_other(identifier: str) -> None:
    """Follow ``needs`` through the called workflows."""
    jobs = load(f"{identifier}.yml")["jobs"]
    order: list[str] = []
    for job_id in ("verify", "package", "staging", "production"):
        earlier = set(jobs[job_id]["needs"]) if order else set()
        called = load(Path(jobs[job_id]["uses"]).name)["jobs"]
        inner: list[str] = []
        for inner_id, job in called.items():
            assert not inner or job["needs"] == inner[-1]
            inner.append(inner_id)
            order.append(job["name"])
        if job_id != "verify":
            before = {
                "package": "verify",
                "staging": "package",
                "production": "staging",
            }
            assert before[job_id] in earlier
    assert order == STAGES


def all_workflows() -> list[str]:
    return sorted(path.name for path in WORKFLOWS.glob("*.yml"))


@pytest.mark.parametrize("name", all_workflows())
def test_a_workflow_starts_without_permissions(name: str) -> None:
    document = load(name)
    assert document["permissions"] == {}
    for job in document["jobs"].values():
        assert "permissions" in job
        assert "secrets" not in job, "there are no stored secrets"


@pytest.mark.parametrize("name", all_workflows())
def test_every_action_is_pinned_by_commit(name: str) -> None:
    used = re.findall(r"uses: (\S+)", (WORKFLOWS / name).read_text())
    assert used
    for reference in used:
        assert reference.startswith("./") or re.search(r"@[0-9a-f]{40}$", reference)


def environment_of(job: dict[str, Any]) -> str:
    """The environment of a job, which is written as a text or as a mapping."""
    given = job.get("environment", "")
    name: str = given["name"] if isinstance(given, dict) else given
    if name.startswith("${{"):
        return "production"  # An expression may become any.
    return name.casefold()  # GitHub's environments know no case.


@pytest.mark.parametrize(
    "given", ["production", "Production", {"name": "production"}, "${{ inputs.to }}"]
)
def test_an_environment_is_seen_in_every_form(given: object) -> None:
    assert environment_of({"environment": given}) == "production"


def test_only_one_job_can_assume_the_production_role() -> None:
    """And that job is behind the environment whose reviewers are asked."""
    found = [
        (name, job["name"])
        for name in all_workflows()
        for job in load(name)["jobs"].values()
        if environment_of(job) == "production"
    ]
    assert found == [("deploy-production.yml", "Deploy to Production")]


def test_a_job_that_can_have_a_role_uses_no_cache_of_the_runner() -> None:
    """What any other job wrote there would run with that role."""
    tools = (ROOT / ".github/actions/setup-pipeline-tools/action.yml").read_text()
    assert 'cache: "false"' in tools
    jobs = [job for name in all_workflows() for job in load(name)["jobs"].values()]
    with_role = [job for job in jobs if "id-token" in job["permissions"]]
    steps = [step for job in with_role for step in job.get("steps", ())]
    used = [(step.get("uses", ""), step.get("with", {})) for step in steps]
    assert not [action for action, _ in used if action.startswith("actions/cache")]
    named = ("setup-python-env", "hosted-python")
    caching = [given for action, given in used if action.endswith(named)]
    assert caching and all(given["cache"] == "false" for given in caching)


def test_each_component_keeps_a_cache_of_its_own() -> None:
    actions = ROOT / ".github" / "actions"
    key = (actions / "hosted-python" / "action.yml").read_text()
    asked = (actions / "setup-python-env" / "action.yml").read_text()
    assert "key: venvs-${{ runner.os }}-${{ inputs.environment }}-" in key
    # As devtools.venvs does, by Python, its recipe and the locks.
    assert "-${{ steps.python.outputs.python-version }}-" in key
    assert "hashFiles('devtools/venvs.py', 'devtools/requirements/*.txt'," in key
    assert "environment: ${{ inputs.environment }}" in asked


def required_checks() -> list[str]:
    """What has to pass before a merge, as the ruleset of main says."""
    text = (ROOT / "terraform/github/rulesets.tf").read_text()
    listed = re.search(r"required_checks = toset\(\[(.*?)\]\)", text, re.S)
    assert listed is not None
    return re.findall(r'"([^"]+)"', listed[1])


@pytest.mark.parametrize("check", required_checks())
def test_a_required_check_reports_on_every_pull_request(check: str) -> None:
    """One that is not started holds the merge for ever, one of two could hide."""
    found = [
        (load(name), job)
        for name in all_workflows()
        for job in load(name)["jobs"].values()
        if job["name"] == check
    ]
    assert len(found) == 1
    document, job = found[0]
    triggers: dict[str, Any] = document[True]  # type: ignore[index]
    assert (triggers["pull_request"], triggers["merge_group"]) == (None, None)
    assert "if" not in job and "needs" not in job or "always()" in job["if"]


def test_the_delivery_code_is_tested_before_a_merge() -> None:
    job = load("repository.yml")["jobs"]["checks"]
    assert job["name"] in required_checks()
    commands = [step.get("run") for step in job["steps"]]
    assert "make lint" in commands
    assert "make test ONLY=delivery,devtools,simulator" in commands


def test_the_whole_system_is_tested_before_a_merge() -> None:
    job = load("repository.yml")["jobs"]["system"]
    assert job["name"] in required_checks()
    commands = [step.get("run") for step in job["steps"]]
    assert 'make test ONLY="e2e tests,addon map rules"' in commands
    kept = job["steps"][-1]
    assert kept["with"]["path"] == "reports/"
    assert "!cancelled()" in kept["if"], "a failure is what one wants to look at"


@pytest.mark.parametrize("identifier", PIPELINES)
def test_the_required_check_always_runs(identifier: str) -> None:
    job = load(f"{identifier}.yml")["jobs"]["required"]
    assert job["name"] == f"{identifier} required"
    assert "always()" in job["if"]
    assert set(job["needs"]) == {"plan", "verify", "check-image"}


DEPLOYMENTS = {
    "deploy-staging.yml": "Deploy to Staging",
    "deploy-production.yml": "Deploy to Production",
}


def steps_of(workflow: str, job_name: str) -> list[dict[str, Any]]:
    jobs = load(workflow)["jobs"].values()
    (steps,) = [job["steps"] for job in jobs if job["name"] == job_name]
    return list(steps)


def position(steps: list[dict[str, Any]], word: str) -> int:
    """Which step has the word in its name, command or action."""
    texts = [f"{s['name']} {s.get('run', '')} {s.get('uses', '')}" for s in steps]
    (found,) = [number for number, text in enumerate(texts) if word in text]
    return found


@pytest.mark.parametrize("name", all_workflows())
def test_code_of_others_is_installed_before_a_role_is_assumed(name: str) -> None:
    """After the login its credentials are in the environment of every step."""
    installers = ("setup-python-env", "setup-image-tools", "make --directory")
    for job in load(name)["jobs"].values():
        steps = job.get("steps", [])
        texts = [f"{step.get('run', '')} {step.get('uses', '')}" for step in steps]
        logins = [i for i, text in enumerate(texts) if "aws-ecr-login" in text]
        for text in texts[logins[0] :] if logins else []:
            assert not any(word in text for word in installers), text


def test_the_integration_tests_have_no_credentials_of_aws() -> None:
    steps = steps_of("deploy-staging.yml", "Integration Test")
    fetched, tested = position(steps, "fetch-secret"), position(steps, "pytest")
    assert fetched < tested
    environment = steps[tested]["env"]
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        assert environment[f"AWS_{name}"] == ""


WITH_A_LOGIN = {
    "package.yml": "Package & Scan Artifact",
    "rescan.yml": "Image of ${{ matrix.component }} in ${{ matrix.environment }}",
}


@pytest.mark.parametrize(("workflow", "job"), WITH_A_LOGIN.items())
def test_trivy_runs_without_the_jobs_logins(workflow: str, job: str) -> None:
    steps = steps_of(workflow, job)
    scan, gate = position(steps, "trivy-scan"), position(steps, "image-gate")
    assert scan < gate
    running = [step for step in steps if "trivy image" in step.get("run", "")]
    for step in (steps[scan], *running):
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
            assert step["env"][f"AWS_{name}"] == ""
        assert step["env"]["DOCKER_CONFIG"].endswith("/no-login")


@pytest.mark.parametrize(("workflow", "job"), DEPLOYMENTS.items())
def test_an_older_commit_is_refused_before_anything_is_deployed(
    workflow: str, job: str
) -> None:
    steps = steps_of(workflow, job)
    refusal = position(steps, "refuse-older")
    assert refusal < position(steps, "aws-ecr-login")
    assert steps[position(steps, "actions/checkout")]["with"]["fetch-depth"] == 0
    if job == "Deploy to Production":
        assert position(steps, "approval-check") < refusal
        assert steps[refusal]["if"] == "${{ inputs.kind == 'release' }}"
    else:
        assert "if" not in steps[refusal]


@pytest.mark.parametrize(("workflow", "job"), DEPLOYMENTS.items())
def test_every_deployment_is_recorded_however_it_ended(workflow: str, job: str) -> None:
    steps = steps_of(workflow, job)
    record = steps[position(steps, "release-record")]
    assert "always()" in record["if"]
    assert record["env"]["OUTCOME"] == "${{ job.status }}"


def test_the_tag_of_a_release_cannot_spoil_its_record() -> None:
    steps = steps_of("deploy-production.yml", "Deploy to Production")
    tag = position(steps, "image-released")
    assert position(steps, "release-record") < tag
    assert "if" not in steps[tag], "what failed is not kept as released"


def test_a_rollback_takes_the_manifests_of_its_target() -> None:
    steps = steps_of("deploy-production.yml", "Deploy to Production")
    take = position(steps, "git checkout")
    assert steps[take]["run"] == 'git checkout --no-overlay "$COMMIT" -- kube'
    assert steps[take]["if"] == "${{ inputs.kind == 'rollback' }}"
    assert take < position(steps, "pipeline-step pin")


def test_a_rollback_changes_nothing_before_the_database_was_asked() -> None:
    steps = steps_of("deploy-production.yml", "Deploy to Production")
    guard = position(steps, "schema-guard")
    applied = [s for s in steps[:guard] if "kubectl apply" in s.get("run", "")]
    assert applied
    assert all("inputs.kind == 'release'" in step["if"] for step in applied)
