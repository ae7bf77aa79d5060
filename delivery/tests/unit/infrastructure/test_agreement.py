"""What Terraform makes is what pipelines and manifests name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.infrastructure.cli import TERRAFORM_VERSION
from delivery.manifests.databases import CA_FOLDER, CA_MAP
from delivery.platform.aws import REPOSITORIES
from delivery.secret_entries import ENVIRONMENTS, new_secrets

ROOT = Path(__file__).resolve().parents[4]
TERRAFORM = ROOT / "terraform"
WORKFLOWS = sorted((ROOT / ".github").rglob("*.yml"))
MANIFESTS = ("gps_ingestion_service/kube", "odoo_addons/tms_management/kube")


def code(path: str) -> str:
    return (TERRAFORM / path).read_text()


def manifests(environment: str) -> str:
    folders = [ROOT / kube for kube in MANIFESTS]
    return "\n".join(
        path.read_text()
        for kube in folders
        for folder in (kube / "base", kube / "cloud/base", kube / "cloud" / environment)
        for path in sorted(folder.rglob("*.yaml"))
    )


def jobs() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in WORKFLOWS]
    return [job for doc in documents for job in doc.get("jobs", {}).values()]


def test_every_image_the_pipelines_push_has_a_repository() -> None:
    listed = re.search(r"components = \[(.*)\]", code("bootstrap/main.tf"))
    assert listed
    images = re.findall(r'"([^"]+)"', listed[1])
    local = {repository.name for repository in REPOSITORIES if repository.immutable}
    assert set(images) == local


def test_the_entries_that_are_made_are_those_that_are_filled() -> None:
    listed = re.search(r"entries = toset\(\[(.*)\]\)", code("modules/secrets/main.tf"))
    assert listed
    for environment in ENVIRONMENTS:
        made = {f"tms/{environment}/{name}" for name in re.findall(r"\w+", listed[1])}
        assert made == set(new_secrets(environment))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_external_secret_reads_an_entry_and_names_the_store(
    environment: str,
) -> None:
    text = manifests(environment)
    read = set(re.findall(rf"tms/{environment}/\w+", text))
    assert read == {f"tms/{environment}/odoo", f"tms/{environment}/gps"}
    assert set(re.findall(r"kind: (\w+Store)\n\s+name: (\S+)", text)) == {
        ("ClusterSecretStore", "aws-secrets-manager")
    }
    assert 'name = "aws-secrets-manager"' in code("modules/bindings/secrets.tf")


def test_the_cluster_binds_the_names_of_the_overlays() -> None:
    bindings = code("modules/bindings/main.tf") + code("modules/bindings/databases.tf")
    text = manifests("staging")
    config = (ROOT / MANIFESTS[1] / "base/config.env").read_text()
    assert "ODOO_DB_HOST=odoo-db" in config and "odoo-db =" in bindings
    assert "@gps-db:" in new_secrets("staging")["tms/staging/gps"]["gps_database_url"]
    assert "gps-db =" in bindings
    assert f'"{CA_MAP}"' in bindings and f'"{CA_FOLDER}/ca.pem"' in bindings
    (claim,) = set(re.findall(r"claimName: (\S+)", text))
    assert f'"{claim}"' in bindings
    (user,) = set(re.findall(r"runAsUser: (\d+)", text))
    assert f"default     = {user}" in code("modules/storage/variables.tf")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_certificate_covers_the_hosts_of_the_ingresses(environment: str) -> None:
    text = manifests(environment)
    hosts = set(re.findall(r"host\n +value: (\S+\.tms\.example)", text))
    tests = code(f"envs/{environment}/tests/{environment}.tftest.hcl")
    assert hosts and all(f'"https://{host}"' in tests for host in hosts)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_external_dns_may_write_every_name_of_the_environment(environment: str) -> None:
    """Its role and its filter know the environment's host and what is below it."""
    names = set(re.findall(r"value: (\S+\.tms\.example)", manifests(environment)))
    assert f"trackers.{environment}.tms.example" in names
    host = f"{environment}.tms.example"
    assert all(name == host or name.endswith(f".{host}") for name in names)
    assert "domainFilters  = [var.host]" in code("modules/addons/main.tf")
    made = code("modules/environment/names.tf")
    assert 'odoo_host = "${var.environment}.${var.domain}"' in made


def test_every_variable_the_workflows_read_is_set() -> None:
    read = {
        name
        for path in WORKFLOWS
        for name in re.findall(r"\bvars\.(\w+)", path.read_text())
    }
    settings = code("github/settings.tf")
    unset = {name for name in read if not re.search(rf"\b{name}\b", settings)}
    assert read and not unset


def test_every_environment_of_a_job_is_made_and_has_a_role() -> None:
    used = {str(job["environment"]) for job in jobs() if "environment" in job}
    text = code("github/environments.tf")
    made = re.search(r"environments = \{(.*?)\n  \}", text, re.S)
    assert made
    names = set(re.findall(r"^    ([\w-]+) +=", made[1], re.M))
    both = {"infrastructure-staging", "infrastructure-production"}
    assert both < names
    plain = {name for name in used if "${{" not in name}
    assert plain | both == names
    assert used - plain == {"infrastructure-${{ inputs.environment }}"}


def test_a_job_that_takes_a_role_is_in_its_environment() -> None:
    """Otherwise its token would name a branch, which no role trusts."""
    roles = {"AWS_BUILD_ROLE_ARN", "AWS_DEPLOY_ROLE_ARN", "AWS_INFRASTRUCTURE_ROLE_ARN"}
    for job in jobs():
        taken = roles & set(re.findall(r"\bvars\.(\w+)", json.dumps(job)))
        if taken:
            assert len(taken) == 1, job["name"]
            (role,) = taken
            environment = str(job.get("environment"))
            if role == "AWS_BUILD_ROLE_ARN":
                assert environment == "build", job["name"]
            if role == "AWS_DEPLOY_ROLE_ARN":
                assert environment in ENVIRONMENTS, job["name"]
            if role == "AWS_INFRASTRUCTURE_ROLE_ARN":
                assert environment.startswith("infrastructure-"), job["name"]


def test_credentials_outlive_the_job_that_takes_them() -> None:
    """A job may end in a step that needs them; no role gives them for longer."""
    text = code("bootstrap/roles.tf")
    found = re.findall(
        r'environment += "([\w-]+)(?:\$\{.*)?"(?:\n +hours += (\d))?', text
    )
    permitted = {environment: int(hours or 1) * 3600 for environment, hours in found}
    seen = set()
    for job in jobs():
        for step in job.get("steps", []):
            settings = step.get("with", {})
            if {"role", "role-to-assume"} & set(settings):
                named = settings.get("duration", settings.get("role-duration-seconds"))
                asked = int(named or 3600)
                environment = str(job["environment"]).partition("${{")[0]
                assert job["timeout-minutes"] * 60 <= asked, job["name"]
                assert asked <= permitted[environment], job["name"]
                seen.add(environment)
    assert seen == {"build", "staging", "production", "infrastructure-"}


def test_the_approvers_are_in_one_file_and_have_teams() -> None:
    approvers = json.loads((ROOT / ".github/approvers.json").read_text())
    assert "approvers.json" in code("github/main.tf")
    for team in approvers["production"]["approvers"]:
        assert re.search(rf"\b{team}\s+= \"", code("github/teams.tf"))
    owners = (ROOT / ".github/CODEOWNERS").read_text()
    for team in set(re.findall(r"@tms-example/([\w-]+)", owners)):
        assert re.search(rf"\b{team}\s+= \"", code("github/teams.tf"))


def test_the_lead_reviews_whatever_runs_with_the_rights_of_an_apply() -> None:
    """The last line of CODEOWNERS that fits a path decides."""
    lines = (ROOT / ".github/CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    for path in (
        "terraform/envs/production/main.tf",
        "delivery/src/delivery/infrastructure/watch_objects.py",
        "monitoring/base/kustomization.yaml",
        "requirements/infrastructure.txt",
        "devtools/checks/infrastructure.py",
        "Makefile",
        ".github/workflows/infrastructure.yml",
    ):
        owners = [
            owners
            for pattern, *owners in rules
            if pattern == "*" or f"/{path}".startswith(pattern)
        ]
        assert owners[-1] == ["@tms-example/devops-lead"], path


def test_the_required_checks_are_jobs() -> None:
    text = code("github/rulesets.tf")
    listed = re.search(r"required_checks = toset\(\[(.*?)\]\)", text, re.S)
    assert listed
    names = {str(job.get("name")) for job in jobs()}
    required = set(re.findall(r'"([^"]+)"', listed[1]))
    assert {"pl-odoo-001 required", "pl-gps-001 required"} <= required <= names


def test_the_workflow_installs_the_terraform_that_is_required() -> None:
    workflow = (ROOT / ".github/workflows/infrastructure.yml").read_text()
    assert set(re.findall(r'terraform_version: "(.*)"', workflow)) == {
        TERRAFORM_VERSION
    }


def test_nothing_is_applied_by_who_only_asked_for_a_plan() -> None:
    job = next(job for job in jobs() if "plan.bin" in json.dumps(job))
    applying = [step for step in job["steps"] if "apply" in step.get("run", "")]
    assert [step["if"] for step in applying] == ["inputs.action == 'apply'"]


def test_every_alarm_names_a_section_that_there_is() -> None:
    page = (ROOT / "docs/runbooks/alerts.md").read_text()
    sections = {
        heading.lower().replace(" ", "-")
        for heading in re.findall(r"^### (.+)$", page, re.M)
    }
    text = code("modules/observability/main.tf")
    named = set(re.findall(r'section\s+= "([a-z-]+)"', text))
    named |= set(re.findall(r"runbook}#([a-z-]+)", text))
    # Failed copies are named by their keys.
    named |= {f"{key}-of-files-failed" for key in ("copy", "backup")}
    assert len(named) >= 8 and named <= sections
