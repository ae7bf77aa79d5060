"""Each rule catches its mistake: a copy of the code with the mistake in it fails.

Needs Terraform, and in the environment `PROVIDER_BINDINGS` and `CHECKOV`, which
`make infra-check ARGS=--mutations` sets.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.infrastructure import check
from delivery.infrastructure.bindings import read_schemas
from delivery.infrastructure.check import Code
from delivery.infrastructure.cli import TERRAFORM_VERSION
from delivery.infrastructure.custom_objects import check_objects
from delivery.infrastructure.policies import check_actions
from delivery.infrastructure.schema import ProviderSchema
from delivery.infrastructure.stub import serve
from delivery.infrastructure.terraform import Terraform
from delivery.manifests.check import COMPONENTS

from . import mutation as kinds
from .mutation import Mutation
from .mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[3]
CODE = Code(ROOT / "terraform")


@pytest.fixture(scope="session")
def schemas() -> list[ProviderSchema]:
    """The providers' schemas."""
    return read_schemas(Path(os.environ["PROVIDER_BINDINGS"]), CODE.root)


@pytest.fixture(scope="session")
def terraform(
    schemas: list[ProviderSchema], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terraform]:
    """Terraform with providers that know their schemas."""
    program = Terraform.find()
    assert program is not None, "terraform is not on PATH"
    with serve(schemas) as providers:
        yield Terraform(program, tmp_path_factory.mktemp("data"), providers)


@pytest.fixture
def copy(tmp_path: Path) -> Code:
    """A copy of the repository's Terraform code, and of what it reads beside it."""
    ignored = shutil.ignore_patterns(".terraform*")
    shutil.copytree(CODE.root, tmp_path / "terraform", ignore=ignored)
    shutil.copytree(ROOT / "monitoring", tmp_path / "monitoring")
    for component in COMPONENTS:
        kube = Path(component) / "kube"
        shutil.copytree(ROOT / kube, tmp_path / kube)
    (tmp_path / ".github").mkdir()
    shutil.copy(ROOT / ".github/approvers.json", tmp_path / ".github")
    return Code(tmp_path / "terraform")


def found(
    mutation: Mutation,
    code: Code,
    terraform: Terraform,
    schemas: list[ProviderSchema],
) -> list[str]:
    """What the mutation's check finds."""
    folder = code.root / mutation.folder
    if mutation.caught_by == kinds.FORMAT:
        return list(check.check_format(terraform, code))
    if mutation.caught_by == kinds.VERSIONS:
        return list(check.check_pins(code, schemas, TERRAFORM_VERSION))
    if mutation.caught_by == kinds.STATES:
        return list(check.check_states(code))
    if mutation.caught_by == kinds.ACTIONS:
        return list(check_actions(code))
    if mutation.caught_by == kinds.CHECKOV:
        return check.check_policies([os.environ["CHECKOV"]], code, mutation.folder)
    wrong = list(check.check_schema(terraform, code, folder))
    if mutation.caught_by == kinds.SCHEMA:
        return wrong
    assert not wrong, "a schema catches it before any test can"
    if mutation.caught_by == kinds.ORDER:
        return list(check.check_order(terraform, code, folder))
    if mutation.caught_by == kinds.OBJECTS:
        return list(check_objects(terraform, code, folder))
    return list(check.run_tests(terraform, code, folder).problems)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_is_caught(
    mutation: Mutation, copy: Code, terraform: Terraform, schemas: list[ProviderSchema]
) -> None:
    file = copy.root / mutation.path
    text = file.read_text()
    assert mutation.right in text, "the mistake has no place in the code any more"
    file.write_text(text.replace(mutation.right, mutation.wrong, 1))
    problems = found(mutation, copy, terraform, schemas)
    assert any(mutation.says in problem for problem in problems), problems


def test_every_test_has_a_mistake_that_it_catches() -> None:
    """A test that no mistake makes fail may be one that cannot fail."""
    written = {
        (CODE.name(path.parent).removesuffix("/tests"), run)
        for path in CODE.root.rglob("*.tftest.hcl")
        for run in re.findall(r'^run "(\w+)"', path.read_text(), re.M)
    }
    caught = {
        (mutation.folder, mutation.says.removesuffix(" failed"))
        for mutation in MUTATIONS
        if mutation.caught_by == kinds.TESTS
    }
    assert written - caught == set()


def test_every_order_has_a_mistake_that_breaks_it() -> None:
    broken = {(m.folder, m.says) for m in MUTATIONS if m.caught_by == kinds.ORDER}
    for folder, later, _earlier in check.ORDERS:
        assert any(
            folder == where and says.startswith(f"{later} must come after")
            for where, says in broken
        ), (folder, later)


CHECKS = sorted({(mutation.caught_by, mutation.folder) for mutation in MUTATIONS})


@pytest.mark.parametrize(("caught_by", "folder"), CHECKS)
def test_without_a_mistake_nothing_is_found(
    caught_by: str,
    folder: str,
    copy: Code,
    terraform: Terraform,
    schemas: list[ProviderSchema],
) -> None:
    """Otherwise a check that always complains would catch everything."""
    clean = Mutation("", "", "", "", caught_by, "", folder)
    assert found(clean, copy, terraform, schemas) == []
