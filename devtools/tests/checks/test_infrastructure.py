"""The check of the Terraform code runs where there is a Terraform, and only there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devtools import cli
from devtools.checks import infrastructure
from devtools.checks.check import Outcome, Status
from devtools.checks.infrastructure import InfrastructureCheck
from devtools.layout import Layout
from devtools.tests.conftest import write_program

# Stands for the delivery virtualenv's Python: notes its words, ends as told.
PYTHON = """#!/bin/sh
case "$*" in
  *"pip download"*) : > downloaded.whl; exit 0 ;;
  *"delivery infrastructure"*) echo "{said}"; exit {status} ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the only programs on PATH; Terraform is one of them."""
    folder = tmp_path / "bin"
    write_program(folder / "terraform", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def layout(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout with a lock of provider bindings, and virtualenvs that are made."""
    lock = tmp_path / "requirements" / "infrastructure-data.txt"
    lock.parent.mkdir()
    lock.write_text("bindings==1.0 --hash=sha256:00\n")
    (tmp_path / "terraform").mkdir()
    (tmp_path / "delivery").mkdir()
    checkov = tmp_path / "checkov"
    write_program(checkov / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}"\n')
    monkeypatch.setenv("PROMTOOL", "/usr/bin/promtool")
    monkeypatch.setenv("TMS_VENV_INFRASTRUCTURE", str(checkov))
    monkeypatch.setenv("TMS_VENV_DELIVERY", str(tmp_path / "delivery-venv"))
    made = Layout(tmp_path, tmp_path / "cache", tmp_path / "run")
    made.logs.mkdir(parents=True)
    ending(made, 0, "infrastructure: CLEAN: 3 folders")
    return made


def ending(layout: Layout, status: int, said: str) -> None:
    """Let the check end so."""
    python = layout.venv("delivery") / "bin" / "python"
    write_program(python, PYTHON.format(status=status, said=said))


def outcome(layout: Layout, mutations: bool = False) -> Outcome:
    return InfrastructureCheck(layout, mutations)(layout.root / "check.log")


def test_clean_code_passes_with_the_locked_tools(layout: Layout) -> None:
    assert outcome(layout).status is Status.PASSED
    log = (layout.root / "check.log").read_text()
    assert f"--checkov {layout.venv('infrastructure')}/bin/checkov" in log
    (bindings,) = (layout.cache / "provider-bindings").iterdir()
    assert (bindings / "downloaded.whl").is_file()
    assert f"--bindings {bindings}" in log


def test_a_problem_fails_with_the_last_word(layout: Layout) -> None:
    ending(layout, 1, "infrastructure: FAILED: 2 problems")
    found = outcome(layout)
    assert (found.status, found.note) == (Status.FAILED, "FAILED: 2 problems")


def test_without_terraform_nothing_is_checked_and_nothing_is_made(
    layout: Layout, programs: Path
) -> None:
    (programs / "terraform").unlink()
    assert outcome(layout) == infrastructure.NO_TERRAFORM
    assert not (layout.cache / "provider-bindings").exists()


def test_another_terraform_checks_nothing(layout: Layout) -> None:
    ending(layout, 3, "infrastructure: NOT CHECKED: terraform is 1.5.7")
    found = outcome(layout)
    assert (found.status, found.note) == (Status.NOT_CHECKED, "terraform is 1.5.7")


def test_bindings_are_downloaded_once_for_each_lock(layout: Layout) -> None:
    outcome(layout)
    (first,) = (layout.cache / "provider-bindings").iterdir()
    (first / "mark").touch()
    outcome(layout)
    assert (first / "mark").exists()
    lock = layout.root / "requirements" / "infrastructure-data.txt"
    lock.write_text("bindings==2.0 --hash=sha256:00\n")
    outcome(layout)
    (second,) = (layout.cache / "provider-bindings").iterdir()
    assert second != first


@pytest.mark.parametrize(("status", "end"), [(0, Status.PASSED), (1, Status.FAILED)])
def test_mutations_are_tried_after_clean_code(
    layout: Layout, status: int, end: Status
) -> None:
    pytest_program = layout.venv("delivery") / "bin" / "pytest"
    write_program(pytest_program, f'#!/bin/sh\necho "$CHECKOV $@"\nexit {status}\n')
    assert outcome(layout, mutations=True).status is end
    assert "checkov -c tests/infrastructure_mutations/pytest.ini" in (
        layout.root / "check.log"
    ).read_text().replace("bin/", "")


@pytest.mark.parametrize(
    ("status", "said", "ends"),
    [
        (0, "infrastructure: CLEAN: 3 folders", 0),
        (1, "infrastructure: FAILED: 1 problems", 1),
        (3, "infrastructure: NOT CHECKED: terraform is 1.5.7", 3),
    ],
)
def test_the_command_ends_as_the_check_does(
    status: int,
    said: str,
    ends: int,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    ending(layout, status, said)
    assert cli.main(["infra-check"]) == ends
    assert said in capsys.readouterr().out


def test_the_command_without_terraform_is_no_success(
    layout: Layout,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    (programs / "terraform").unlink()
    assert cli.main(["infra-check"]) == 3
    assert "NOT CHECKED terraform is not on PATH" in capsys.readouterr().out


@pytest.mark.parametrize("gate", ["manifests", "watch"])
def test_what_another_of_its_checks_finds_ends_the_command(
    gate: str,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Layout, "discover", lambda: layout)
    python = layout.venv("delivery") / "bin" / "python"
    said = f'case "$*" in *"delivery {gate}"*) echo "{gate}: FAILED: x"; exit 1 ;; esac'
    write_program(python, f"#!/bin/sh\n{said}\n")
    assert cli.main(["infra-check"]) == 1
    assert f"infra-check {gate} FAILED" in capsys.readouterr().out
