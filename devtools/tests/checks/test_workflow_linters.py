"""What runs the pipelines is linted here as the workflow lints it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devtools.checks.check import Check, Status
from devtools.checks.workflow_linters import (
    ACTIONLINT,
    LINTERS,
    ZIZMOR,
    WorkflowLinters,
)
from devtools.layout import Layout
from devtools.tests.checks.conftest import MakeRepository
from devtools.tests.conftest import write_program

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("actionlint", "zizmor", "hadolint")


@pytest.fixture
def checks(
    make_repository: MakeRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Check]:
    """Checks of a repository with two Dockerfiles; the tools note their words."""
    venv = tmp_path / "linters"
    for name in ("python", *NAMES):
        write_program(venv / "bin" / name, '#!/bin/sh\necho "ran $@"\n')
    monkeypatch.setenv("TMS_VENV_WORKFLOWS", str(venv))
    repository = make_repository({"a/Dockerfile": "", "b/c/Dockerfile": "", "d.py": ""})
    layout = Layout(repository.root, tmp_path / "cache", tmp_path / "run")
    made = WorkflowLinters(layout, repository).checks("repository")
    return {check.name: check for check in made}


def test_each_linter_waits_for_its_tools(checks: dict[str, Check]) -> None:
    assert [*checks] == [LINTERS, *NAMES]
    assert all(checks[name].needs == (LINTERS,) for name in NAMES)


def test_the_tools_come_from_a_lock(checks: dict[str, Check], tmp_path: Path) -> None:
    assert checks[LINTERS].action(tmp_path / "log").status is Status.PASSED


def test_every_dockerfile_is_linted(checks: dict[str, Check], tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert checks["hadolint"].action(log).status is Status.PASSED
    assert log.read_text().splitlines()[-1] == "ran a/Dockerfile b/c/Dockerfile"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_linter_finds_fails_the_check(
    checks: dict[str, Check], tmp_path: Path, name: str
) -> None:
    program = tmp_path / "linters" / "bin" / name
    assert checks[name].action(tmp_path / "log").status is Status.PASSED
    write_program(program, "#!/bin/sh\nexit 1\n")
    assert checks[name].action(tmp_path / "log").status is Status.FAILED


@pytest.mark.parametrize("argv", [ACTIONLINT, ZIZMOR])
def test_the_workflow_calls_them_with_the_same_words(argv: tuple[str, ...]) -> None:
    workflow = (ROOT / ".github/workflows/lint-workflows.yml").read_text()
    assert re.search(rf"run: {re.escape(' '.join(argv))}$", workflow, re.M)
