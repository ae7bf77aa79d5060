"""The check of what Terraform makes through ``modules/custom_objects``.

A chart takes any object, so neither `terraform validate` nor a test sees a field that
its operator does not know. Terraform's tests plan every such release: the objects are
read out of those plans and held to the schemas of the manifests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from delivery.infrastructure.check import Code
from delivery.infrastructure.terraform import Terraform
from delivery.manifests.schemas import schema_problems

MODULE = 'source = "../custom_objects"'


def check_objects(terraform: Terraform, code: Code, folder: Path) -> Iterator[str]:
    """Custom objects of a folder that do not fit their kinds."""
    calls = sum(path.read_text("utf-8").count(MODULE) for path in folder.glob("*.tf"))
    if not calls:
        return
    name = code.name(folder)
    answer = terraform.run(folder, "test", "-json", "-verbose")
    planned: dict[str, list[dict[str, Any]]] = {}
    for address, objects in _releases(answer.text):
        planned.setdefault(address, []).extend(objects)
    if len(planned) != calls:
        yield f"{name}: plans {len(planned)} releases of custom objects, not {calls}"
    problems = {
        f"{name}: {problem}"
        for objects in planned.values()
        for item in objects
        for problem in schema_problems(item)
    }
    yield from sorted(problems)


def _releases(said: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Releases of the module in the plans of a test, by address, with their objects."""
    for line in said.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        for change in message.get("test_plan", {}).get("resource_changes", []):
            after = change["change"]["after"] or {}
            if str(after.get("chart", "")).endswith("custom_objects/chart"):
                (values,) = after["values"]
                yield change["address"], yaml.safe_load(values)["objects"]
