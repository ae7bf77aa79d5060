"""Objects that Terraform makes through a chart are held to their kinds' schemas."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.infrastructure.check import Code
from delivery.infrastructure.custom_objects import MODULE, check_objects
from delivery.infrastructure.terraform import Terraform

STORE: dict[str, Any] = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "SecretStore",
    "metadata": {"name": "store"},
    "spec": {
        "provider": {
            "aws": {
                "service": "SecretsManager",
                "region": "ap-south-1",
                "auth": {"jwt": {"serviceAccountRef": {"name": "reader"}}},
            }
        }
    },
}


def plan(*objects: object) -> str:
    """What a test says of a plan with one release of these."""
    values = yaml.safe_dump({"objects": objects})
    after = {"chart": "../custom_objects/chart", "values": [values]}
    other = {"address": "aws_thing.this", "change": {"after": None}}
    change = {"address": "module.store.helm_release.this", "change": {"after": after}}
    return json.dumps({"test_plan": {"resource_changes": [other, change]}})


def found(folder: Path, calls: int, *said: str) -> list[str]:
    module = folder / "modules" / "bindings"
    module.mkdir(parents=True)
    (module / "main.tf").write_text(f"  {MODULE}\n" * calls)
    (folder / "said").write_text("\n".join(["no JSON", "{}", *said]))
    program = folder / "terraform"
    program.write_text(f"#!/bin/sh\ncat {folder}/said\n")
    program.chmod(0o755)
    return list(check_objects(Terraform(program, folder), Code(folder), module))


def test_objects_that_fit_their_kind_are_fine(tmp_path: Path) -> None:
    assert found(tmp_path, 1, plan(STORE), plan(STORE)) == []


def test_a_mistake_in_any_plan_is_told_once(tmp_path: Path) -> None:
    wrong = copy.deepcopy(STORE)
    wrong["spec"]["refreshIntervall"] = 5
    (problem,) = found(tmp_path, 1, plan(wrong), plan(wrong), plan(STORE))
    assert problem.startswith("modules/bindings: SecretStore store: spec: ")
    assert "'refreshIntervall' was unexpected" in problem


@pytest.mark.parametrize("calls", [1, 2])
def test_a_release_that_no_test_plans_is_not_taken_for_fine(
    tmp_path: Path, calls: int
) -> None:
    said = [plan(STORE)] * (calls - 1)
    assert found(tmp_path, calls, *said) == [
        f"modules/bindings: plans {calls - 1} releases of custom objects, not {calls}"
    ]


def test_a_folder_without_them_is_not_run_again(tmp_path: Path) -> None:
    assert found(tmp_path, 0, plan({"kind": "Odd"})) == []
