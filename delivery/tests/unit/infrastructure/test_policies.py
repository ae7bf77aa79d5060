"""A policy allows actions by their names."""

from __future__ import annotations

from pathlib import Path

from delivery.infrastructure.check import Code
from delivery.infrastructure.policies import allowing_statements, check_actions


def problems(tmp_path: Path, statement: str) -> list[str]:
    (tmp_path / "main.tf").write_text(f"locals {{\n  a = [{{\n{statement}\n  }}]\n}}\n")
    return list(check_actions(Code(tmp_path)))


def test_named_actions_are_fine(tmp_path: Path) -> None:
    statement = 'Effect = "Allow"\nAction = ["s3:GetObject"]\nResource = "*"'
    assert not problems(tmp_path, statement)


def test_a_pattern_is_found_with_its_place(tmp_path: Path) -> None:
    for action in ('"*"', '["s3:GetObject", "s3:*"]', '[\n  "iam:Pass*",\n]'):
        statement = f'Effect = "Allow"\nAction = {action}'
        (found,) = problems(tmp_path, statement)
        assert found.startswith("main.tf:3: allows ")


def test_a_statement_on_one_line_is_read_too(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '{ Effect = "Allow", Action = "*" }')
    assert "allows *" in found


def test_what_is_denied_may_be_a_pattern(tmp_path: Path) -> None:
    assert not problems(tmp_path, 'Effect = "Deny"\nAction = ["*"]')


def test_a_condition_beside_the_actions_is_no_statement() -> None:
    text = """
    {
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Condition = { StringEquals = { "kms:ViaService" = "s3.*" } }
    }
    """
    (statement,) = allowing_statements(text)
    assert statement.actions == ("kms:Decrypt",)


def test_only_the_key_policy_of_that_name_hands_the_decision_to_iam(
    tmp_path: Path,
) -> None:
    statement = 'Sid = "{}"\nEffect = "Allow"\nAction = "{}"'
    assert not problems(tmp_path, statement.format("AccountDecides", "kms:*"))
    assert problems(tmp_path, statement.format("AccountDecides", "s3:*"))
    assert problems(tmp_path, statement.format("Other", "kms:*"))


def test_all_actions_but_some_are_for_boundaries_alone(tmp_path: Path) -> None:
    statement = 'Sid = "{}"\nEffect = "Allow"\nNotAction = ["iam:*"]'
    assert not problems(tmp_path, statement.format("NothingToPeopleAndRoles"))
    (found,) = problems(tmp_path, statement.format("Everything"))
    assert found == ("main.tf:4: allows all actions but some: name those that it needs")


def test_actions_that_are_computed_are_found(tmp_path: Path) -> None:
    for action in ("Action = local.actions", "Action = [for a in b : a]", ""):
        (found,) = problems(tmp_path, f'Effect = "Allow"\n{action}')
        assert "actions that are not written here" in found


def test_an_effect_that_is_computed_is_found(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, 'Effect = var.effect\nAction = ["*"]')
    assert found == 'main.tf:3: write "Allow" or "Deny"'
    for fine in ("Effect = string", 'condition = s.Effect == "Allow"'):
        assert not problems(tmp_path, fine)


def test_a_managed_policy_is_one_that_was_agreed_on(tmp_path: Path) -> None:
    statement = 'policy_arn = "arn:aws:iam::aws:policy/{}"'
    assert not problems(tmp_path, statement.format("PowerUserAccess"))
    for other in ("AdministratorAccess", "${each.key}"):
        (found,) = problems(tmp_path, statement.format(other))
        assert found.startswith(f"main.tf:3: {other} is none of the managed policies")
