"""What each check finds; Terraform and checkov are programs that answer as told."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from delivery import cli as delivery_cli
from delivery.errors import DeliveryError
from delivery.infrastructure import check
from delivery.infrastructure.check import Code
from delivery.infrastructure.schema import Block, ProviderSchema
from delivery.infrastructure.terraform import Terraform
from delivery.verdict import Outcome

from .samples import BUCKET, PROVIDER, write_wheel

SCHEMA = ProviderSchema("acme/cloud", "1.2.3", Block(), {}, {})
VERSIONS = """\
terraform {{
  required_version = "{terraform}"

  required_providers {{
    cloud = {{
      source  = "acme/cloud"
      version = "{cloud}"
    }}
  }}

  backend "s3" {{
    key          = "{name}/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }}
}}
"""
GOOD_TERRAFORM = """
case "$2" in
  version) echo "Terraform v1.11.4" ;;
  test) echo "Success! 2 passed, 0 failed." ;;
  graph) cat <<'EOF'
digraph G {
  "terraform_data.action_pinning" -> "module.a.github_a.this";
  "module.a.github_a.this" -> "github_actions_repository_permissions.this";
}
EOF
  ;;
esac
"""
GOOD_CHECKOV = "echo 'terraform scan results:'"


def write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def code(tmp_path: Path) -> Code:
    """Four roots as they should be."""
    root = tmp_path / "terraform"
    for name in check.ROOTS:
        folder = root / name
        (folder / "tests").mkdir(parents=True)
        text = VERSIONS.format(terraform="1.11.4", cloud="1.2.3", name=name)
        (folder / "versions.tf").write_text(text)
        (folder / "main.tf").write_text('resource "cloud_bucket" "a" {\n}\n')
        (folder / "tests" / "a.tftest.hcl").write_text("")
    return Code(root)


def answering(tmp_path: Path, script: str) -> Terraform:
    program = write_program(tmp_path / "bin" / "terraform", script)
    return Terraform(program, tmp_path / "data")


def test_what_comes_too_early_is_named(tmp_path: Path, code: Code) -> None:
    actions = code.root / "modules/actions"
    good = answering(tmp_path, GOOD_TERRAFORM)
    assert not list(check.check_order(good, code, actions))
    early = GOOD_TERRAFORM.replace('  "module.a.github_a.this" ->', '  "other" ->')
    (found,) = check.check_order(answering(tmp_path, early), code, actions)
    assert found == (
        "modules/actions: terraform_data.action_pinning must come after "
        "github_actions_repository_permissions.this"
    )


def test_an_order_that_cannot_be_read_is_no_good_one(
    tmp_path: Path, code: Code
) -> None:
    broken = answering(tmp_path, 'echo "Error: no graph"; exit 1')
    (found,) = check.check_order(broken, code, code.root / "modules/actions")
    assert "Error: no graph" in found


def test_a_file_in_another_format_is_named(tmp_path: Path, code: Code) -> None:
    terraform = answering(tmp_path, "echo github/main.tf; exit 3")
    (found,) = check.check_format(terraform, code)
    assert found.startswith("github/main.tf: not formatted")


def test_a_file_that_cannot_be_formatted_is_told(tmp_path: Path, code: Code) -> None:
    terraform = answering(tmp_path, "echo 'Error: Invalid expression'; exit 2")
    (found,) = check.check_format(terraform, code)
    assert "Invalid expression" in found


def test_formatted_code_is_fine(tmp_path: Path, code: Code) -> None:
    assert not list(check.check_format(answering(tmp_path, "exit 0"), code))


def test_every_folder_pins_what_it_is_checked_with(code: Code) -> None:
    assert not list(check.check_pins(code, [SCHEMA], "1.11.4"))
    text = VERSIONS.format(terraform=">= 1.11", cloud="1.2.4", name="github")
    (code.root / "github" / "versions.tf").write_text(text)
    assert list(check.check_pins(code, [SCHEMA], "1.11.4")) == [
        "github: versions.tf must require Terraform 1.11.4",
        "github: pins acme/cloud 1.2.4, but is checked with 1.2.3: "
        "both must be the same version",
    ]


def test_every_state_is_locked_encrypted_and_its_own(code: Code) -> None:
    assert not list(check.check_states(code))
    versions = code.root / "envs/staging" / "versions.tf"
    text = versions.read_text().replace("staging/", "production/")
    versions.write_text(text.replace("use_lockfile = true", ""))
    found = list(check.check_states(code))
    assert len(found) == 2
    assert all(line.startswith("envs/staging: the backend") for line in found)


def test_what_does_not_fit_its_schema_is_told(tmp_path: Path, code: Code) -> None:
    script = "[ $2 = get ] || { echo 'Error: Unsupported argument'; exit 1; }"
    terraform = answering(tmp_path, script)
    (found,) = check.check_schema(terraform, code, code.root / "github")
    assert found == "github: validate: Error: Unsupported argument"


def test_a_module_that_is_not_there_is_told(tmp_path: Path, code: Code) -> None:
    terraform = answering(tmp_path, "echo 'Error: Unreadable module'; exit 1")
    (found,) = check.check_schema(terraform, code, code.root / "github")
    assert found.startswith("github: get: ")


def run_tests(tmp_path: Path, code: Code, output: str, status: int) -> check.TestRun:
    script = f"cat <<'E'\n{textwrap.dedent(output)}\nE\nexit {status}"
    return check.run_tests(answering(tmp_path, script), code, code.root / "github")


def test_tests_that_pass_are_counted(tmp_path: Path, code: Code) -> None:
    run = run_tests(tmp_path, code, "Success! 3 passed, 0 failed.", 0)
    assert run == check.TestRun(3)


def test_a_test_that_fails_is_named(tmp_path: Path, code: Code) -> None:
    output = """
      run "tags_never_move"... fail
    Error: Test assertion failed
    Failure! 1 passed, 1 failed.
    """
    run = run_tests(tmp_path, code, output, 1)
    assert run.problems[0] == "github: tags_never_move failed"
    assert "Test assertion failed" in run.problems[1]


def test_tests_that_broke_down_do_not_pass(tmp_path: Path, code: Code) -> None:
    assert run_tests(tmp_path, code, "Success! 3 passed, 0 failed.", 1).problems
    assert run_tests(tmp_path, code, "nothing to say", 0).problems


def test_what_is_applied_by_itself_has_tests(tmp_path: Path, code: Code) -> None:
    terraform = answering(tmp_path, GOOD_TERRAFORM)
    (code.root / "github/tests/a.tftest.hcl").unlink()
    run = check.run_tests(terraform, code, code.root / "github")
    assert run.problems == ("github: has no tests",)
    module = code.root / "modules" / "thin"
    module.mkdir(parents=True)
    assert check.run_tests(terraform, code, module) == check.TestRun(0)


def policies(tmp_path: Path, code: Code, script: str) -> list[str]:
    program = write_program(tmp_path / "bin" / "checkov", script)
    return check.check_policies([str(program)], code)


def test_what_checkov_finds_is_told(tmp_path: Path, code: Code) -> None:
    script = """cat <<'E'
terraform scan results:
Check: CKV_AWS_17: "no public database"
\tFAILED for resource: aws_db_instance.this
E
exit 1"""
    assert policies(tmp_path, code, script) == [
        'aws_db_instance.this: CKV_AWS_17: "no public database"'
    ]
    assert policies(tmp_path, code, GOOD_CHECKOV) == []


@pytest.mark.parametrize(
    "script",
    ["echo Traceback >&2; exit 1", "exit 0", "echo 'terraform scan results'; exit 1"],
)
def test_checkov_that_breaks_down_does_not_pass(
    tmp_path: Path, code: Code, script: str
) -> None:
    with pytest.raises(DeliveryError, match="checkov"):
        policies(tmp_path, code, script)


def test_terraform_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.infrastructure.terraform.TIMEOUT_S", 0.05)
    answer = answering(tmp_path, "exec sleep 30").run(tmp_path, "plan")
    assert "longer than" in answer.problem


def test_a_program_that_is_no_terraform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="does not tell its version"):
        answering(tmp_path, "echo hello").version()


def whole_run(
    tmp_path: Path,
    code: Code,
    monkeypatch: pytest.MonkeyPatch,
    terraform: str | None = GOOD_TERRAFORM,
) -> int:
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    if terraform is not None:
        write_program(programs / "terraform", terraform)
    checkov = write_program(programs / "checkov", GOOD_CHECKOV)
    write_wheel(tmp_path, {"provider/index.js": PROVIDER, "bucket/index.js": BUCKET})
    path = f"{programs}:/usr/bin:/bin" if terraform else str(programs)
    monkeypatch.setenv("PATH", path)
    words = [str(code.root), "--bindings", str(tmp_path), "--checkov", str(checkov)]
    return delivery_cli.main(["infrastructure", *words])


def test_a_clean_run_says_with_what_it_looked(
    tmp_path: Path,
    code: Code,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert whole_run(tmp_path, code, monkeypatch) == Outcome.CLEAN.value
    said = capsys.readouterr().out
    assert "Terraform 1.11.4; schemas of acme/cloud 1.2.3" in said
    assert "infrastructure: CLEAN: 4 folders, 8 tests" in said


def test_a_problem_fails_the_run(
    tmp_path: Path,
    code: Code,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = GOOD_TERRAFORM + "[ $2 != validate ] || { echo Error: no; exit 1; }"
    assert whole_run(tmp_path, code, monkeypatch, script) == Outcome.FAILED.value
    assert "github: validate: Error: no" in capsys.readouterr().out


@pytest.mark.parametrize("terraform", [None, "echo Terraform v1.5.7"])
def test_without_the_right_terraform_nothing_is_checked(
    terraform: str | None,
    tmp_path: Path,
    code: Code,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = whole_run(tmp_path, code, monkeypatch, terraform)
    assert status == Outcome.NOT_CHECKED.value
    assert "NOT CHECKED" in capsys.readouterr().out


def test_missing_bindings_end_with_what_to_do(
    tmp_path: Path,
    code: Code,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Terraform, "find", staticmethod(lambda: tmp_path))
    words = [str(code.root), "--bindings", str(tmp_path / "x"), "--checkov", "checkov"]
    assert delivery_cli.main(["infrastructure", *words]) == 2
    assert "infrastructure-data.in" in capsys.readouterr().err
